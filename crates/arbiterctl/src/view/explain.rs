//! Why a route is where it is.

use super::{AlarmView, Answered, EventView, RouteView, View, all};
use arbiter_proto::v1;
use serde::Serialize;

/// Why a route is where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainView {
    /// Whose view.
    pub answered: Answered,
    /// The route.
    pub route: RouteView,
    /// Alarms about it.
    pub alarms: Vec<AlarmView>,
    /// What happened to it, newest last.
    pub events: Vec<EventView>,
}

impl View for ExplainView {
    const KIND: &'static str = "explain";
}

impl From<v1::ExplainReply> for ExplainView {
    fn from(wire: v1::ExplainReply) -> Self {
        Self {
            answered: wire.answered.into(),
            route: wire.route.unwrap_or_default().into(),
            alarms: all(wire.alarms),
            events: all(wire.events),
        }
    }
}
