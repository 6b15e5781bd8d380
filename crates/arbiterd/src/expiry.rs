//! Certificates that end: alarms of the node whose they are.

use arbiter_control::Look;
use arbiter_core::health::{self, Alarm, Code};
use arbiter_tls::{Credentials, SECONDS_PER_DAY, days, wall_seconds};

/// A month to renew it in, as the log has it.
const ENDS: u64 = 30 * SECONDS_PER_DAY;

/// A weekend: whoever has not renewed it by then has to be called.
const OVER: u64 = 3 * SECONDS_PER_DAY;

/// When what a node goes by ends, in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ends {
    own: u64,
    /// Of each authority that it believes.
    authorities: Vec<u64>,
}

/// What is to be said of a node's certificates now.
pub(crate) fn alarms(credentials: &Credentials, node: &str) -> Vec<Alarm> {
    let ends = Ends { own: credentials.not_after(), authorities: credentials.authorities_end() };
    judge(&ends, node, wall_seconds())
}

/// Puts it in the place of what the newest examination has found of this node.
pub(crate) fn warn_in(credentials: &Credentials, look: &mut Look) {
    let node = look.state.policy.node_name(look.me);
    let found = alarms(credentials, &node);
    let is_stale = |alarm: &Alarm| {
        matches!(alarm.code, Code::CertificateEnds | Code::CertificateOver) && alarm.subject == node
    };
    look.alarms.retain(|alarm| !is_stale(alarm));
    look.alarms.extend(found);
    health::sort(&mut look.alarms);
}

fn judge(ends: &Ends, node: &str, now: u64) -> Vec<Alarm> {
    let own = alarm(node, "its own certificate", ends.own, now);
    let count = ends.authorities.len();
    let replaced = ends.authorities.iter().any(|end| *end > now);
    let of_authority = |(at, end): (usize, &u64)| {
        let what = match count {
            1 => "the authority in its `ca`".to_owned(),
            _ => format!("authority {} of {count} in its `ca`", at + 1),
        };
        if *end <= now && replaced {
            // Nobody is believed by it any more, and others have taken its place.
            let ago = days(now - end);
            let detail = format!("{what} has ended {ago} ago, and others in it have not");
            let remedy = "take it out of the file `ca`";
            return Some(Alarm::new(Code::CertificateEnds, node, detail).with_remedy(remedy));
        }
        alarm(node, &what, *end, now)
    };
    own.into_iter().chain(ends.authorities.iter().enumerate().filter_map(of_authority)).collect()
}

fn alarm(node: &str, what: &str, end: u64, now: u64) -> Option<Alarm> {
    let Some(left) = end.checked_sub(now) else {
        return Some(Alarm::new(
            Code::CertificateOver,
            node,
            format!("{what} has ended {} ago", days(now - end)),
        ));
    };
    let code = match left {
        ..OVER => Code::CertificateOver,
        OVER..ENDS => Code::CertificateEnds,
        ENDS.. => return None,
    };
    Some(Alarm::new(code, node, format!("{what} ends in {}", days(left))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 2_000_000_000;
    const DAY: u64 = SECONDS_PER_DAY;

    fn said(own: u64, authorities: &[u64]) -> Vec<(Code, String)> {
        let found = judge(&Ends { own, authorities: authorities.to_vec() }, "witness", NOW);
        assert!(found.iter().all(|alarm| alarm.subject == "witness"));
        found.into_iter().map(|alarm| (alarm.code, alarm.detail)).collect()
    }

    #[test]
    fn a_certificate_that_ends_is_a_warning_for_a_month_and_then_critical() {
        let far = [NOW + 900 * DAY];
        let cases = [
            (NOW + 30 * DAY, None),
            (NOW + 30 * DAY - 1, Some((Code::CertificateEnds, "its own certificate ends in 29 days"))),
            (NOW + 3 * DAY, Some((Code::CertificateEnds, "its own certificate ends in 3 days"))),
            (NOW + 3 * DAY - 1, Some((Code::CertificateOver, "its own certificate ends in 2 days"))),
            (NOW, Some((Code::CertificateOver, "its own certificate ends in 0 s"))),
            (NOW - 5 * DAY, Some((Code::CertificateOver, "its own certificate has ended 5 days ago"))),
        ];
        for (own, expected) in cases {
            let expected: Vec<_> =
                expected.into_iter().map(|(code, words)| (code, words.to_owned())).collect();
            assert_eq!(said(own, &far), expected, "{own}");
        }
    }

    #[test]
    fn an_authority_that_ends_is_seen_too_and_one_that_was_replaced_is_no_emergency() {
        let own = NOW + 900 * DAY;
        let one = said(own, &[NOW + DAY]);
        assert_eq!(one, [(Code::CertificateOver, "the authority in its `ca` ends in 24 h".to_owned())]);
        let both = said(own, &[NOW - 9 * DAY, NOW + 20 * DAY]);
        assert_eq!(both.len(), 2);
        assert_eq!(both[0].0, Code::CertificateEnds);
        assert_eq!(both[0].1, "authority 1 of 2 in its `ca` has ended 9 days ago, and others in it have not");
        assert_eq!(
            both[1],
            (Code::CertificateEnds, "authority 2 of 2 in its `ca` ends in 20 days".to_owned())
        );
        assert_eq!(said(own, &[NOW - DAY, NOW - DAY])[1].0, Code::CertificateOver);
    }
}
