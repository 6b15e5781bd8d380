//! The control loop in a small world: every rule of acting, and the stories that they are for.

mod routes;
mod world;
