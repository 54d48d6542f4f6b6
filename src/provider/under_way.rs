//! One call for all who ask for the same: begun by the first, joined by the others, and out of the list before anybody is told.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Calls under way, by what they are about. Whoever looks whether there is one and then begins it does both under a lock of its own.
pub struct UnderWay<K, A>(Arc<Mutex<HashMap<K, Told<A>>>>);

/// What a call will have brought. May be dropped: the call goes on.
pub struct Told<A>(watch::Receiver<Option<A>>);

/// One that was begun. Dropped, also by a panic, it is out of the list, and who waits for it is told that it broke off.
pub struct Call<K: Copy + Eq + Hash, A> {
    list: UnderWay<K, A>,
    about: K,
    tell: watch::Sender<Option<A>>,
}

impl<K: Copy + Eq + Hash, A: Clone> UnderWay<K, A> {
    /// The one that is under way, if any.
    pub fn join(&self, about: K) -> Option<Told<A>> {
        self.lock().get(&about).map(|told| Told(told.0.clone()))
    }

    pub fn begin(&self, about: K) -> (Call<K, A>, Told<A>) {
        let (tell, told) = watch::channel(None);
        self.lock().insert(about, Told(told.clone()));
        (Call { list: UnderWay(self.0.clone()), about, tell }, Told(told))
    }
}

impl<K, A> UnderWay<K, A> {
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Told<A>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, A> Default for UnderWay<K, A> {
    fn default() -> Self {
        UnderWay(Arc::default())
    }
}

impl<A: Clone> Told<A> {
    /// `None`: it broke off.
    pub async fn wait(mut self) -> Option<A> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl<K: Copy + Eq + Hash, A> Call<K, A> {
    /// Out of the list before it is told: who asks again at once asks anew.
    pub fn end_with(self, answer: A) {
        let tell = self.tell.clone();
        drop(self);
        tell.send_replace(Some(answer));
    }
}

impl<K: Copy + Eq + Hash, A> Drop for Call<K, A> {
    fn drop(&mut self) {
        self.list.lock().remove(&self.about);
    }
}
