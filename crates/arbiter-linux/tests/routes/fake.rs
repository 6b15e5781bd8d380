//! A kernel in memory.

use arbiter_linux::{Kernel, KernelError, KernelRoute, PROTOCOL};
use async_trait::async_trait;
use std::sync::Mutex;

#[derive(Debug, Default)]
pub struct FakeKernel {
    pub routes: Mutex<Vec<KernelRoute>>,
    /// Everything that was done to it.
    pub done: Mutex<Vec<String>>,
    /// What it answers to whoever adds a route.
    pub refuses: Mutex<Option<String>>,
}

impl FakeKernel {
    pub fn with(routes: Vec<KernelRoute>) -> Self {
        Self { routes: Mutex::new(routes), ..Self::default() }
    }

    /// What is in it, in its order.
    pub fn table(&self) -> Vec<String> {
        self.routes.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    pub fn done(&self) -> Vec<String> {
        std::mem::take(&mut *self.done.lock().unwrap())
    }
}

/// A route to the first private subnet.
pub fn kernel_route(via: u8, metric: u32, protocol: u8) -> KernelRoute {
    KernelRoute {
        table: 254,
        destination: ([172, 16, 3, 0].into(), 24),
        via: Some([10, 10, via, 100].into()),
        dev: None,
        metric,
        protocol,
    }
}

/// One of ours.
pub fn ours(via: u8) -> KernelRoute {
    kernel_route(via, 10, PROTOCOL)
}

#[async_trait]
impl Kernel for FakeKernel {
    async fn routes(
        &self,
        table: Option<u32>,
        protocol: Option<u8>,
    ) -> Result<Vec<KernelRoute>, KernelError> {
        let mut routes = self.routes.lock().unwrap().clone();
        routes.retain(|route| table.is_none_or(|table| route.table == table));
        routes.retain(|route| protocol.is_none_or(|protocol| route.protocol == protocol));
        Ok(routes)
    }

    async fn append(&self, route: &KernelRoute) -> Result<(), KernelError> {
        if let Some(why) = self.refuses.lock().unwrap().clone() {
            return Err(KernelError { what: format!("adding {route}"), why });
        }
        self.done.lock().unwrap().push(format!("add {route}"));
        self.routes.lock().unwrap().push(route.clone());
        Ok(())
    }

    async fn remove(&self, route: &KernelRoute) -> Result<(), KernelError> {
        self.done.lock().unwrap().push(format!("remove {route}"));
        self.routes.lock().unwrap().retain(|it| it != route);
        Ok(())
    }
}
