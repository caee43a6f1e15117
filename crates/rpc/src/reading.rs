//! Reads that take a while: off the async threads, and so many at once.
//!
//! A read goes on when nobody waits for it any more: its place is free when it has ended and not before, so that whoever
//! asks and leaves, asks and leaves does not pile up reads.

use crate::RpcError;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Lists that are read at once.
const LISTS: usize = 16;

/// Answers as of an earlier block that are made at once; each holds the blocks since then in memory.
const PAST: usize = 2;

/// Places of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    pub(crate) fn of_lists() -> Self {
        Self::new(LISTS)
    }

    pub(crate) fn of_the_past() -> Self {
        Self::new(PAST)
    }

    fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Waits for a place and reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        let place = place.map_err(|error| RpcError::Interrupted(error.to_string()))?;
        beside(move || {
            let _place = place;
            read()
        })
        .await
    }
}

/// Reads at once, whatever else is being read: for what must not wait behind strangers.
pub(crate) async fn beside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| RpcError::Interrupted(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::Pin,
        sync::mpsc,
        task::{Context, Waker},
    };

    fn waits<T>(future: Pin<&mut impl Future<Output = T>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_that_nobody_waits_for_keeps_its_place_until_it_ends() {
        let places = Places::new(1);
        let (began, has_begun) = tokio::sync::oneshot::channel();
        let (end, ends) = mpsc::channel::<()>();
        let mut left = Box::pin(places.read(move || {
            let _ = began.send(());
            let _ = ends.recv();
            Ok(())
        }));
        assert!(waits(left.as_mut()));
        has_begun.await.unwrap();
        drop(left);

        let mut next = Box::pin(places.read(|| Ok(7)));
        assert!(waits(next.as_mut()), "the first one still reads");
        assert_eq!(beside(|| Ok(8)).await.unwrap(), 8, "health does not wait for it");
        drop(end);
        assert_eq!(next.await.unwrap(), 7);
    }
}
