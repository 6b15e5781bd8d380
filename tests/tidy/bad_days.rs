//! Every bad day of the catalogue is lived through by a test that names it, and no test names one that isn't there.

use crate::{modules, rules};
use arbiter_core::bad_days::BAD_DAYS;

/// Those whose tests are being written. Each goes from here with its test; when all have gone, so does this list.
const STILL_TO_COME: &[&str] = &[
    "port-in-use",
    "data-folder-unreadable",
    "data-folder-foreign",
    "full-disk",
    "no-right-to-ping",
    "no-credentials",
    "denied-action",
    "endpoint-down",
    "missing-route",
    "missing-interface",
    "missing-instance",
];

#[test]
fn every_bad_day_has_a_test_that_names_it() {
    let tree = modules::of_workspace();
    let expected: Vec<_> =
        BAD_DAYS.iter().filter(|(name, _)| !STILL_TO_COME.contains(name)).copied().collect();
    crate::none(
        "bad days without a test (`arbiter_core::bad_days::bad_day(\"…\")`), or in the list of those to come although \
         they have one",
        &rules::findings("bad_day", &expected, &tree.claims),
    );
}
