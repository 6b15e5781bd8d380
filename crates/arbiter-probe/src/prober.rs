//! The prober of a real node.

use crate::driver::Driver;
use crate::table::Table;
use arbiter_control::clock::Clock;
use arbiter_control::prober::Prober;
use arbiter_core::ids::ProbeId;
use arbiter_core::policy::Probe;
use arbiter_core::probe::ProbeStatus;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, thread};
use tokio::runtime;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::unconstrained;

/// What the task that drives the probes shares with who asks for their states.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    table: Mutex<Table>,
    pub(crate) set_changed: Notify,
    transitions: watch::Sender<u64>,
    pub(crate) sent: AtomicU64,
    pub(crate) in_flight: AtomicUsize,
}

impl Shared {
    /// The table; held for moments only, never while waiting.
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who waits for transitions, if there were any.
    pub(crate) fn announce(&self) {
        let now = self.table().transitions();
        self.transitions.send_if_modified(|known| std::mem::replace(known, now) != now);
    }
}

/// What the prober has done and has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Probes sent since the start.
    pub sent: u64,
    /// Probes that are listened for now.
    pub in_flight: usize,
}

/// Sends probes over real sockets. Dropping it ends all of them.
///
/// ```no_run
/// # async fn example(probes: Vec<arbiter_core::policy::Probe>) -> std::io::Result<()> {
/// use arbiter_control::prober::Prober;
/// let prober = arbiter_probe::SocketProber::start_on_own_thread(std::sync::Arc::new(arbiter_probe::BoottimeClock))?;
/// prober.set_probes(probes);
/// let mut transitions = prober.transitions();
/// while transitions.changed().await.is_ok() {
///     println!("{:#?}", prober.snapshot());
/// }
/// # Ok(())
/// # }
/// ```
pub struct SocketProber {
    shared: Arc<Shared>,
    /// The driver ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl SocketProber {
    /// Starts with no probes, as a task of the present runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its I/O and time drivers.
    pub fn start(clock: Arc<dyn Clock>) -> Self {
        let (prober, driving) = Self::prepare(clock);
        tokio::spawn(driving);
        prober
    }

    /// Starts with no probes, on a thread of its own. That is what a node wants: there nobody else's work (a
    /// slow disk's, a busy server's) delays a probe, and waking one thread is cheaper than waking a pool.
    ///
    /// # Errors
    ///
    /// The host grants no further thread or file descriptors.
    pub fn start_on_own_thread(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let (prober, driving) = Self::prepare(clock);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("probes".to_owned()).spawn(move || runtime.block_on(driving))?;
        Ok(prober)
    }

    /// The prober, and what drives it until the prober is dropped.
    fn prepare(clock: Arc<dyn Clock>) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let shared = Arc::new(Shared {
            clock,
            table: Mutex::default(),
            set_changed: Notify::new(),
            transitions: watch::Sender::new(0),
            sent: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let driver = Driver::new(Arc::clone(&shared));
        let driving = async move {
            tokio::select! {
                () = driver.run() => {}
                _ = stopped => {}
            }
        };
        // tokio makes a task that has used up its budget believe that nothing more has come. Here answers would wait in
        // a queue that grows faster than it is emptied, and one that waits is a loss: a host that was starved once would
        // call everything Down for ever. The driver gives way by itself, after each round.
        (Self { shared, _stop: stop }, unconstrained(driving))
    }

    /// What it has done and has to do.
    pub fn counters(&self) -> Counters {
        Counters {
            sent: self.shared.sent.load(Ordering::Relaxed),
            in_flight: self.shared.in_flight.load(Ordering::Relaxed),
        }
    }
}

impl Prober for SocketProber {
    fn set_probes(&self, probes: Vec<Probe>) {
        let now = self.shared.clock.now();
        self.shared.table().replace(probes, now);
        self.shared.set_changed.notify_one();
    }

    fn transitions(&self) -> watch::Receiver<u64> {
        self.shared.transitions.subscribe()
    }

    fn snapshot(&self) -> BTreeMap<ProbeId, ProbeStatus> {
        self.shared.table().snapshot()
    }
}
