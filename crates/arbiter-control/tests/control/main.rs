//! The control loop in a small world: every rule of acting, and the stories that they are for.

mod dispatch;
mod endings;
mod office;
mod reports;
mod routes;
mod world;
