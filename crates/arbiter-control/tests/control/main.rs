//! The control loop in a small world: every rule of acting, and the stories that they are for.

mod batches;
mod clocks;
mod dispatch;
mod drift_war;
mod endings;
mod following;
mod gateways;
mod held;
mod leadership;
mod lines;
mod office;
mod overload;
mod pause;
mod reconcile;
mod reports;
mod restarts;
mod rounds;
mod routes;
mod versions;
mod world;
