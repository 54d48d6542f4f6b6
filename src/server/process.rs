//! Process: everything put together, from listeners that are bound to the last answer of the drain.

use std::future::Future;
use std::net::SocketAddr;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::server::Listen;

/// Bound, and serving once `serve` is awaited.
pub struct Server {
    listen: Vec<Listen>,
    admin: SocketAddr,
}

/// Why it does not start; the text names the key to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] super::listen::BindError),
    #[error(transparent)]
    Provider(#[from] crate::provider::StartError),
    #[error("{0}")]
    Keys(String),
    #[error("the operating system refused: {0}")]
    Io(#[from] std::io::Error),
}

impl Server {
    /// Binds the listeners and starts the provider's side. Must be called on a runtime.
    pub fn prepare(config: Config, clock: Clock) -> Result<Server, StartError> {
        let _ = (config, clock);
        todo!()
    }

    /// Where it listens: the actual ports where 0 was asked for.
    pub fn listening(&self) -> &[Listen] {
        &self.listen
    }

    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Serves until the drain that `stop` begins is over. `again`: a second signal, which ends it at once.
    pub async fn serve(
        self,
        stop: impl Future<Output = ()>,
        again: impl Future<Output = ()>,
    ) -> Result<(), std::io::Error> {
        let _ = (stop, again);
        todo!()
    }
}
