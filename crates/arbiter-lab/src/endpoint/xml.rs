//! Just enough XML to answer as EC2 does.

/// The namespace of every answer.
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Elements one after the other, and inside each other.
#[derive(Debug, Default)]
pub(super) struct Xml {
    text: String,
}

impl Xml {
    /// `<name>value</name>`, with the value escaped.
    pub(super) fn leaf(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        self.open(name);
        escape(value.as_ref(), &mut self.text);
        self.close(name)
    }

    /// The same, unless there is no value.
    pub(super) fn leaf_if(&mut self, name: &str, value: Option<impl AsRef<str>>) -> &mut Self {
        match value {
            Some(value) => self.leaf(name, value),
            None => self,
        }
    }

    /// `<name>true</name>` or false.
    pub(super) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.leaf(name, if value { "true" } else { "false" })
    }

    /// An element with others inside.
    pub(super) fn nest(&mut self, name: &str, inside: impl FnOnce(&mut Self)) -> &mut Self {
        self.open(name);
        inside(self);
        self.close(name)
    }

    /// EC2's lists: one `<item>` for each.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.nest(name, |xml| {
            for item in items {
                xml.nest("item", |xml| each(xml, item));
            }
        })
    }

    fn open(&mut self, name: &str) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
    }

    fn close(&mut self, name: &str) -> &mut Self {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
        self
    }

    /// The whole answer to an action.
    pub(super) fn answer(action: &str, request_id: &str, inside: &Self) -> String {
        let Self { text } = inside;
        format!(
            "{DECLARATION}<{action}Response xmlns=\"{NAMESPACE}\"><requestId>{request_id}</requestId>{text}</{action}Response>"
        )
    }

    /// The whole answer of a refusal. It bears no namespace; EC2's doesn't either.
    pub(super) fn refusal(code: &str, message: &str, request_id: &str) -> String {
        let mut xml = Self { text: DECLARATION.to_owned() };
        xml.nest("Response", |xml| {
            xml.nest("Errors", |xml| {
                xml.nest("Error", |xml| {
                    xml.leaf("Code", code).leaf("Message", message);
                });
            });
            xml.leaf("RequestID", request_id);
        });
        xml.text
    }
}

fn escape(value: &str, into: &mut String) {
    for c in value.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            // XML 1.0 has no way to write the other control characters.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => into.push('\u{fffd}'),
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        let mut xml = Xml::default();
        xml.leaf("a", "<&>\"\u{1}").flag("b", true).leaf_if("c", None::<&str>).list("d", [1, 2], |xml, n| {
            xml.leaf("n", n.to_string());
        });
        assert_eq!(
            xml.text,
            "<a>&lt;&amp;&gt;&quot;\u{fffd}</a><b>true</b><d><item><n>1</n></item><item><n>2</n></item></d>"
        );
    }
}
