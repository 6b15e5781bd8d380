//! What is shown, as pure data: built from the wire, written as JSON by serde, laid out as text by `render`.
//!
//! These types are the published JSON. Within [`VERSION`] fields are only added; what is absent is `null`, never left
//! out; verdicts are `up`, `unknown`, `down`; times are milliseconds.

mod answered;
mod backup;
mod certificate;
mod doctor;
mod event;
mod explain;
mod following;
mod gateway;
mod live;
mod member;
mod policy;
mod preview;
mod probe;
mod route;
mod status;
mod written;

pub use answered::Answered;
pub use backup::{BackupView, DrainView, RestoreStepView, RestoreView, WishView};
pub use certificate::{CertificateView, CertificatesView};
pub use doctor::{DoctorView, FindingView};
pub use event::{EventLine, EventView, HistoryView};
pub use explain::ExplainView;
pub use following::{FollowingView, FollowsView, HearingView};
pub use gateway::{GatewayView, RestartView};
pub use live::{LiveView, MoveView, PathLine};
pub use member::{MemberView, MembersView};
pub use policy::{PolicyDiffView, PolicyView};
pub use preview::{PreviewRouteView, PreviewView, StepView};
pub use probe::{ProbeView, ProbesView};
pub use route::{PathView, RouteView, RoutesView};
pub use status::{
    AlarmView, ExaminationView, PauseView, Quorum, StagesView, StatusView, Traffic, UnsettledView,
};
pub use written::WrittenView;

use arbiter_core::evidence::Verdict;
use arbiter_proto::v1;
use serde::Serialize;

/// The version of the JSON. Raised when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// A view that can be written as JSON.
pub trait View: Serialize {
    /// The `kind` that names it.
    const KIND: &'static str;
}

/// One JSON document.
#[derive(Debug, Serialize)]
pub struct Document<'a, T> {
    version: u32,
    kind: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

impl<'a, T: View> Document<'a, T> {
    /// The document of a view.
    pub const fn new(body: &'a T) -> Self {
        Self { version: VERSION, kind: T::KIND, body }
    }
}

/// The wire has no `null`: an empty text means that there is none.
fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// A number of a newer program is `Unknown`, which is what it is to us.
fn verdict(number: i32) -> Verdict {
    match v1::Verdict::try_from(number) {
        Ok(v1::Verdict::Up) => Verdict::Up,
        Ok(v1::Verdict::Down) => Verdict::Down,
        Ok(v1::Verdict::Unknown) | Err(_) => Verdict::Unknown,
    }
}

fn all<W, V: From<W>>(list: Vec<W>) -> Vec<V> {
    list.into_iter().map(V::from).collect()
}
