//! Which keys the format has, for the documents: taken from the reader itself, so that none can be forgotten.

use crate::context::Context;
use crate::sections::{Document, Use};

/// Every section once, empty: opening it tells its keys. Repeated ones are not read unless they stand there.
const EMPTY_SECTIONS: &str = "[cluster]\n[raft]\n[[node]]\n[[gateway]]\n[[path]]\n[[route]]\n[[probe]]\n[timing]\n\
                              [remediation]\n[linux]\n[follow]\n[tls]\n[ec2]\n[log]\n";

/// One section of the file, and all keys that it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionKeys {
    /// As it is written: `[[node]]`, `[timing]`; empty for what stands above all sections.
    pub header: &'static str,
    /// The keys, by the very list that unknown ones are refused with.
    pub keys: Vec<&'static str>,
}

/// Every key that the format has. The first entry is what stands above all sections; names of sections are keys there.
pub fn accepted_keys() -> Vec<SectionKeys> {
    let mut context = Context::default();
    // An empty file is full of errors; only what was opened on the way is asked for.
    drop(Document::read(EMPTY_SECTIONS, Use::Node, &mut context));
    let mut opened = context.opened;
    std::iter::once("")
        .chain(EMPTY_SECTIONS.lines())
        .filter_map(|header| {
            let keys = opened.remove(header.trim_matches(['[', ']']))?;
            Some(SectionKeys { header, keys })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_that_is_read_tells_its_keys() {
        let sections = accepted_keys();
        assert_eq!(sections[0].header, "");
        let mut named: Vec<&str> =
            sections[1..].iter().map(|it| it.header.trim_matches(['[', ']'])).collect();
        let mut read = sections[0].keys.clone();
        read.retain(|key| *key != "version");
        named.sort_unstable();
        read.sort_unstable();
        assert_eq!(named, read, "a section is missing in EMPTY_SECTIONS");
        assert!(sections.iter().all(|section| !section.keys.is_empty()));
    }
}
