//! Watchman: looks at the clock and the drain for one connection; costs nothing while neither has anything to say.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::drain::Stage;
use super::worker::Floor;
use crate::config::server::Limits;

/// What a connection says of itself.
pub trait Watchable {
    /// How long it may go on like this.
    fn deadline(&self, limits: &Limits) -> Option<Instant>;

    /// Since when nothing has been under way on it; `None`: something is.
    fn idle_since(&self) -> Option<Instant>;

    /// How long closing properly may take where nothing is under way.
    const FAREWELL: Duration;
}

/// What a connection is told from outside its requests.
pub enum Order {
    /// Close, properly: nothing is under way.
    Close,
    HangUp,
}

/// Watches the clock and the drain for one connection; costs nothing while neither has anything to say.
pub struct Watchman<'a, W> {
    floor: &'a Floor,
    watched: &'a W,
    timer: Pin<Box<Sleep>>,
    changed: Pin<Box<tokio::sync::futures::Notified<'a>>>,
    listening: bool,
    seen: Stage,
    finishing_since: Option<Instant>,
    /// When it was told to close.
    dismissed: Option<Instant>,
}

impl<'a, W: Watchable> Watchman<'a, W> {
    pub fn new(floor: &'a Floor, watched: &'a W) -> Watchman<'a, W> {
        Watchman {
            floor,
            watched,
            timer: Box::pin(sleep(Duration::MAX)),
            changed: Box::pin(floor.changed.notified()),
            listening: false,
            seen: Stage::Serving,
            finishing_since: None,
            dismissed: None,
        }
    }

    pub fn look(&mut self, cx: &mut Context<'_>) -> Option<Order> {
        self.hear(cx);
        self.watch(cx)
    }

    /// Keeps an ear on the drain.
    fn hear(&mut self, cx: &mut Context<'_>) {
        let stage = self.floor.stage.get();
        if stage != self.seen {
            self.seen = stage;
            self.listening = false;
            self.changed.set(self.floor.changed.notified());
            if stage >= Stage::Finishing {
                self.finishing_since.get_or_insert_with(Instant::now);
            }
        }
        if !self.listening {
            self.listening = self.changed.as_mut().poll(cx).is_pending();
        }
    }

    /// A timer that fires too early is only looked at again; one that would fire too late is set anew.
    fn watch(&mut self, cx: &mut Context<'_>) -> Option<Order> {
        if self.seen == Stage::Over {
            return Some(Order::HangUp);
        }
        let deadline = self.deadline()?;
        while self.timer.is_elapsed() || self.timer.deadline() > deadline {
            let now = Instant::now();
            if now >= deadline {
                if self.watched.idle_since().is_none() || self.dismissed.is_some() {
                    return Some(Order::HangUp);
                }
                self.dismissed = Some(now);
                return Some(Order::Close);
            }
            self.timer.as_mut().reset(deadline);
            let _ = self.timer.as_mut().poll(cx);
        }
        None
    }

    fn deadline(&self) -> Option<Instant> {
        let deadline = self.watched.deadline(&self.floor.limits)?;
        match (self.watched.idle_since(), self.dismissed, self.finishing_since) {
            (Some(_), Some(dismissed), _) => Some(dismissed + W::FAREWELL),
            (Some(since), None, Some(finishing)) => Some(deadline.min(since.max(finishing) + LAST_CALL)),
            (Some(_), None, None) | (None, _, _) => Some(deadline),
        }
    }
}

/// What an idle connection is waited for in a drain: a request may be on its way in this very moment.
pub const LAST_CALL: Duration = Duration::from_millis(250);
