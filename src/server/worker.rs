//! Workers: a thread per core, each with a runtime of its own; nothing shared on the hot path but read-only settings and counts.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use super::answer;
use super::arrival;
use super::drain::{Drain, Stage};
use super::entrance::{Entrance, Refused};
use super::listen::{Accepted, Acceptor, Listener};
use super::peer::Peer;
use crate::config::server::Limits;
use crate::telemetry::metrics::{Counted, Metrics, RefusedConnection};
use crate::upstream::Body;
use crate::wire::{Malformed, Remote};

/// Answers requests; one per worker, made on its thread, so it need not be `Send`.
pub trait Handler: 'static {
    /// For a 101 the handler gives the peer its tunnel (`Peer::switch_to`) before it answers.
    fn handle(self: Rc<Self>, peer: Rc<Peer>, request: Request<Incoming>) -> impl Future<Output = Response<Body>>;

    /// Refuses what could not even be put as a request.
    fn turn_away(&self, malformed: Malformed, head: &Parts) -> Response<Body>;
}

/// What workers are made with.
#[derive(Clone)]
pub struct Settings {
    /// At least one.
    pub workers: usize,
    pub limits: Limits,
    pub metrics: Arc<Metrics>,
    pub entrance: Arc<Entrance>,
}

/// What the connections of one worker share.
pub struct Floor {
    pub limits: Limits,
    pub stage: Cell<Stage>,
    /// Notified when `stage` moves.
    pub changed: Notify,
    entrance: Arc<Entrance>,
    /// Of HTTP/2, of all workers.
    streams: Arc<AtomicUsize>,
}

/// Serves until the drain is over, and returns when every worker has ended. `make` is called once on each worker's thread.
///
/// Errors: a thread or runtime cannot be had.
pub async fn run<H, F>(settings: &Settings, listeners: Vec<Listener>, drain: &Drain, make: F) -> io::Result<()>
where
    H: Handler,
    F: Fn() -> H + Send + Sync + 'static,
{
    let crew = Crew::hire(settings, drain, Arc::new(make))?;
    let acceptors: Vec<Acceptor> = listeners.into_iter().map(Listener::acceptor).collect::<io::Result<_>>()?;
    let accepting = futures_util::future::join_all(acceptors.iter().map(|acceptor| async {
        loop {
            crew.place(acceptor.accept().await);
        }
    }));
    tokio::select! {
        _ = accepting => {}
        () = drain.reached(Stage::Finishing) => {}
    }
    for accepted in acceptors.into_iter().flat_map(Acceptor::close) {
        crew.place(accepted);
    }
    crew.leave().await;
    Ok(())
}

/// All workers, as acceptors see them.
struct Crew {
    desks: Vec<Desk>,
    threads: Vec<JoinHandle<()>>,
    limit: usize,
    metrics: Arc<Metrics>,
    entrance: Arc<Entrance>,
    /// Somebody was turned away last; said once each time it begins.
    full: AtomicBool,
}

struct Desk {
    inbox: mpsc::UnboundedSender<Placed>,
    load: Arc<AtomicUsize>,
}

/// A connection that has a worker.
struct Placed {
    accepted: Accepted,
    place: Place,
}

/// One among so many; counted until it is dropped.
pub struct Place(Arc<AtomicUsize>);

impl Place {
    fn among(others: &Arc<AtomicUsize>) -> Place {
        others.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(others))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Crew {
    fn hire<H, F>(settings: &Settings, drain: &Drain, make: Arc<F>) -> io::Result<Crew>
    where
        H: Handler,
        F: Fn() -> H + Send + Sync + 'static,
    {
        let limit = settings.limits.connections;
        let (metrics, entrance) = (Arc::clone(&settings.metrics), Arc::clone(&settings.entrance));
        let (full, streams) = (AtomicBool::new(false), Arc::<AtomicUsize>::default());
        let mut crew = Crew { desks: Vec::new(), threads: Vec::new(), limit, metrics, entrance, full };
        for number in 0..settings.workers {
            let (inbox, placed) = mpsc::unbounded_channel();
            let (started, has_started) = std::sync::mpsc::channel();
            let (settings, stages, make) = (settings.clone(), drain.watch(), Arc::clone(&make));
            let streams = Arc::clone(&streams);
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            crew.threads.push(thread.spawn(move || work(&settings, streams, placed, stages, &*make, &started))?);
            has_started.recv().unwrap_or_else(|_| Err(io::Error::other("a worker did not start")))?;
            crew.desks.push(Desk { inbox, load: Arc::new(AtomicUsize::new(0)) });
        }
        Ok(crew)
    }

    /// To the worker with the fewest connections; away, where there are too many of them.
    fn place(&self, accepted: Accepted) {
        let loads = self.desks.iter().map(|desk| desk.load.load(Ordering::Relaxed));
        if loads.sum::<usize>() >= self.limit {
            if !self.full.swap(true, Ordering::Relaxed) {
                let limit = self.limit;
                tracing::warn!(
                    event = "crowded",
                    limit,
                    "limits.connections is reached: further clients are turned away"
                );
            }
            self.metrics.refused_connection(RefusedConnection::Crowded);
            let answer = if self.entrance.is_tls(accepted.remote) { b"" } else { answer::CROWDED };
            accepted.turn_away(answer);
            return;
        }
        self.full.store(false, Ordering::Relaxed);
        let desk = self.desks.iter().min_by_key(|desk| desk.load.load(Ordering::Relaxed));
        let desk = desk.expect("hire made at least one");
        // A worker that is gone takes its connections with it.
        let _ = desk.inbox.send(Placed { accepted, place: Place::among(&desk.load) });
    }

    async fn leave(self) {
        drop(self.desks);
        for thread in self.threads {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

type Started = std::sync::mpsc::Sender<io::Result<()>>;
type Inbox = mpsc::UnboundedReceiver<Placed>;

/// A worker's whole life.
fn work<H: Handler>(
    settings: &Settings,
    streams: Arc<AtomicUsize>,
    inbox: Inbox,
    stages: watch::Receiver<Stage>,
    make: &dyn Fn() -> H,
    started: &Started,
) {
    let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        let handler = Rc::new(make());
        let _ = started.send(Ok(()));
        serve(settings, Floor::new(settings, streams), inbox, stages, handler).await;
    });
    // A name that is still being looked up holds nobody up.
    runtime.shutdown_background();
}

async fn serve<H: Handler>(
    settings: &Settings,
    floor: Floor,
    mut inbox: Inbox,
    mut stages: watch::Receiver<Stage>,
    handler: Rc<H>,
) {
    let floor = Rc::new(floor);
    floor.enter(*stages.borrow_and_update());
    let connections = TaskTracker::new();
    let mut open = true;
    while floor.stage.get() < Stage::Over {
        tokio::select! {
            placed = inbox.recv(), if open => match placed {
                Some(placed) => {
                    connections.spawn_local(attend(placed, Rc::clone(&handler), Rc::clone(&floor), settings.metrics.client_connection()));
                }
                None => {
                    open = false;
                    connections.close();
                }
            },
            // Resolves once it is closed and empty.
            () = connections.wait() => return,
            moved = stages.changed() => match moved {
                Ok(()) => floor.enter(*stages.borrow_and_update()),
                Err(_) => return,
            },
        }
    }
    // Each hangs up by itself, so that what is cut off does not look complete; the runtime drops what does not.
    connections.close();
    let _ = timeout(HANGING_UP, connections.wait()).await;
}

async fn attend<H: Handler>(placed: Placed, handler: Rc<H>, floor: Rc<Floor>, _counted: Counted) {
    let Placed { accepted, place: _place } = placed;
    let remote = accepted.remote;
    let Ok(stream) = accepted.into_stream() else { return };
    // On the heap and gone when it is done: what comes after it lasts.
    let entered = Box::pin(floor.entrance.enter(stream, remote, &floor)).await;
    if let Some((stream, agreed, peer)) = entered {
        let peer = Rc::new(peer);
        match peer.shown() {
            None => arrival::serve(stream, agreed, peer, handler, floor).await,
            // On the heap: most show nothing.
            Some(shown) => {
                let own = Rc::new(floor.own());
                let served = Box::pin(arrival::serve(stream, agreed, Rc::clone(&peer), handler, Rc::clone(&own)));
                Box::pin(own.follow(&floor, shown.over(), served)).await;
            }
        }
    }
}

impl Floor {
    fn new(settings: &Settings, streams: Arc<AtomicUsize>) -> Floor {
        Floor {
            limits: settings.limits.clone(),
            stage: Cell::new(Stage::Serving),
            changed: Notify::new(),
            entrance: Arc::clone(&settings.entrance),
            streams,
        }
    }

    /// For one connection, which may have to leave before the others.
    fn own(&self) -> Floor {
        let (limits, stage) = (self.limits.clone(), self.stage.clone());
        let (entrance, streams) = (Arc::clone(&self.entrance), Arc::clone(&self.streams));
        Floor { limits, stage, changed: Notify::new(), entrance, streams }
    }

    /// Counted, and said now and then.
    pub fn refuse(&self, refused: &Refused, remote: Remote) {
        self.entrance.tell(refused, remote);
    }

    /// For one more stream than one of a connection. As many at once as connections, because each may cost what one of those does, and a connection opens
    /// a hundred.
    pub fn place_stream(&self, remote: Remote) -> Option<Place> {
        let place = Place::among(&self.streams);
        if self.streams.load(Ordering::Relaxed) > self.limits.connections {
            self.refuse(&Refused::CrowdedStreams, remote);
            return None;
        }
        Some(place)
    }

    fn enter(&self, stage: Stage) {
        self.stage.set(stage);
        self.changed.notify_waiters();
    }

    /// Moves as `all` do until its connection is served; once `over` returns, that one takes its leave as at a shutdown, and what still runs then is cut off.
    async fn follow(&self, all: &Floor, over: impl Future<Output = ()>, served: impl Future<Output = ()>) {
        let (mut over, mut served) = (pin!(over), pin!(served));
        let mut least = Stage::Serving;
        let mut cut = pin!(sleep(Duration::MAX));
        loop {
            let stage = all.stage.get().max(least);
            if stage != self.stage.get() {
                self.enter(stage);
            }
            tokio::select! {
                () = &mut served => return,
                () = &mut over, if least == Stage::Serving => {
                    least = Stage::Finishing;
                    cut.as_mut().reset(Instant::now() + LEAVE);
                }
                () = &mut cut, if least == Stage::Finishing => least = Stage::Over,
                () = all.changed.notified() => {}
            }
        }
    }

    /// Returns once this stage has been reached.
    pub async fn reached(&self, stage: Stage) {
        while self.stage.get() < stage {
            self.changed.notified().await;
        }
    }
}

const HANGING_UP: Duration = Duration::from_millis(100);
/// For what runs on a connection whose certificate is over.
const LEAVE: Duration = Duration::from_secs(10);
