//! Every bad day of the catalogue is lived through by a test that names it, and no test names one that isn't there.

use crate::{modules, rules};
use arbiter_core::bad_days::BAD_DAYS;

#[test]
fn every_bad_day_has_a_test_that_names_it() {
    let tree = modules::of_workspace();
    crate::none(
        "bad days without a test (`arbiter_core::bad_days::bad_day(\"…\")`)",
        &rules::findings("bad_day", BAD_DAYS, &tree.claims),
    );
}
