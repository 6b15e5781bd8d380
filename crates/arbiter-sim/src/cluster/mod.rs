//! The whole cluster in one process and one thread, under virtual time: the real core, the real control loop, the real
//! openraft; a simulated network, disk and EC2, and a world that fails.
//!
//! A run has three parts: a time of trouble, the healing, and a time in which all must become well. Everything random
//! follows from the seed, so that the same seed gives the same run (D1).
//!
//! ```text
//!   nemeses ──► net ──► openraft ──► control loop ──► cloud ──► tape ──► invariants
//!          └──► disks     ▲             ▲    ▲                   ▲
//!          └──► truth ────┼── probes ───┘    └── operators       │
//!          └──► clocks ───┴──────────────────────────────────────┘
//! ```

mod campaign;
mod clock;
mod cloud;
mod dice;
mod happening;
mod held;
mod invariants;
mod lives;
mod members;
mod minimise;
mod nemesis;
mod net;
mod operators;
mod planted;
mod policy;
mod prober;
mod run;
mod sim;
mod tape;
mod truth;
mod workers;

pub use campaign::{Campaign, Plan, Summary};
pub use minimise::{Minimised, minimised};
pub use nemesis::{NEMESES, Nemesis};
pub use planted::{Found, Hunt, PLANTED, Planted, hunt};
pub use policy::Nodes;
pub use run::{Run, Shape, run};
pub use tape::Violation;
pub use workers::processors;
