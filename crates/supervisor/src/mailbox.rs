//! Mailboxes with a bound, and what happens at it (S4-08, design rule P2).

use crate::measured;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{Notify, Semaphore};

/// What happens to a message that finds its mailbox full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest message makes room: only the newest state counts.
    DropOldest,
    /// The message is dropped: what is already there says enough.
    DropNewest,
    /// Who sends waits.
    Block,
    /// Who sends is told, and has his message back.
    Fail,
}

/// The same for messages that move money: none is ever dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyOverflow {
    /// Who sends waits.
    Block,
    /// Who sends is told, and has his message back.
    Fail,
}

impl From<MoneyOverflow> for Overflow {
    fn from(overflow: MoneyOverflow) -> Self {
        match overflow {
            MoneyOverflow::Block => Self::Block,
            MoneyOverflow::Fail => Self::Fail,
        }
    }
}

/// What became of a message that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is in the mailbox.
    Taken,
    /// It is in the mailbox, and the oldest one is not any more.
    TakenForTheOldest,
    /// The mailbox was full: it is gone.
    Dropped,
}

/// The message was not taken; here it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused<T> {
    /// The mailbox is full.
    #[error("the mailbox is full")]
    Full(T),
    /// Nobody reads it any more.
    #[error("nobody reads the mailbox any more")]
    Closed(T),
}

struct Shared<T> {
    name: &'static str,
    overflow: Overflow,
    letters: Mutex<VecDeque<T>>,
    /// Places that are free. Closed when nobody reads any more.
    room: Semaphore,
    came: Notify,
    senders: AtomicUsize,
}

/// Where messages are put.
pub struct Postbox<T>(Arc<Shared<T>>);

/// Where messages are taken out, in the order they came.
pub struct Letters<T>(Arc<Shared<T>>);

/// A mailbox for at most `bound` messages. `name` is that of its metrics.
pub fn mailbox<T>(
    name: &'static str,
    bound: NonZeroUsize,
    overflow: Overflow,
) -> (Postbox<T>, Letters<T>) {
    let bound = bound.get().min(Semaphore::MAX_PERMITS);
    let shared = Arc::new(Shared {
        name,
        overflow,
        letters: Mutex::default(),
        room: Semaphore::new(bound),
        came: Notify::new(),
        senders: AtomicUsize::new(1),
    });
    measured::depth(name, 0);
    (Postbox(Arc::clone(&shared)), Letters(shared))
}

/// The same for messages that move money.
pub fn mailbox_of_money<T>(
    name: &'static str,
    bound: NonZeroUsize,
    overflow: MoneyOverflow,
) -> (Postbox<T>, Letters<T>) {
    mailbox(name, bound, overflow.into())
}

impl<T> Postbox<T> {
    /// Puts a message in. Waits only where the mailbox is full and [`Overflow::Block`]; given up while it waits,
    /// nothing was sent.
    ///
    /// # Errors
    /// [`Refused`], with the message.
    pub async fn send(&self, letter: T) -> Result<Sent, Refused<T>> {
        if self.0.overflow != Overflow::Block {
            return self.offer(letter);
        }
        match self.0.room.acquire().await {
            Ok(place) => {
                place.forget();
                self.0.put(letter);
                Ok(Sent::Taken)
            }
            Err(_) => Err(Refused::Closed(letter)),
        }
    }

    /// Puts a message in without ever waiting: where the mailbox would have it wait, it is refused.
    ///
    /// # Errors
    /// [`Refused`], with the message.
    pub fn offer(&self, letter: T) -> Result<Sent, Refused<T>> {
        if let Ok(place) = self.0.room.try_acquire() {
            place.forget();
            self.0.put(letter);
            return Ok(Sent::Taken);
        }
        if self.0.room.is_closed() {
            return Err(Refused::Closed(letter));
        }
        measured::dropped(self.0.name);
        match self.0.overflow {
            Overflow::DropNewest => Ok(Sent::Dropped),
            Overflow::Block | Overflow::Fail => Err(Refused::Full(letter)),
            Overflow::DropOldest => {
                // One lock for both: the bound holds at every moment.
                let mut letters = self.0.letters.lock();
                let oldest = letters.pop_front();
                letters.push_back(letter);
                drop(letters);
                self.0.came.notify_one();
                if oldest.is_none() {
                    // It was read in this moment, and its place is ours now.
                    self.0.take_a_place();
                }
                Ok(Sent::TakenForTheOldest)
            }
        }
    }
}

impl<T> Shared<T> {
    fn put(&self, letter: T) {
        let mut letters = self.letters.lock();
        letters.push_back(letter);
        measured::depth(self.name, letters.len());
        drop(letters);
        self.came.notify_one();
    }

    fn take_a_place(&self) {
        if let Ok(place) = self.room.try_acquire() {
            place.forget();
        }
    }
}

impl<T> Letters<T> {
    /// The next message. None when there is none and nobody can send any more.
    pub async fn next(&mut self) -> Option<T> {
        let shared = Arc::clone(&self.0);
        loop {
            // Asked for before looking: what comes in between wakes us.
            let came = shared.came.notified();
            if let Some(letter) = self.take() {
                return Some(letter);
            }
            if shared.senders.load(Ordering::Acquire) == 0 {
                return self.take();
            }
            came.await;
        }
    }

    /// The next message, if one is there.
    pub fn take(&mut self) -> Option<T> {
        let mut letters = self.0.letters.lock();
        let letter = letters.pop_front()?;
        measured::depth(self.0.name, letters.len());
        // Under the lock: a place is free only when its message is gone.
        self.0.room.add_permits(1);
        Some(letter)
    }

    /// Messages that wait.
    pub fn depth(&self) -> usize {
        self.0.letters.lock().len()
    }
}

impl<T> Clone for Postbox<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Postbox<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.came.notify_one();
        }
    }
}

impl<T> Drop for Letters<T> {
    fn drop(&mut self) {
        self.0.room.close();
        measured::depth(self.0.name, 0);
    }
}

impl<T> std::fmt::Debug for Postbox<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postbox").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for Letters<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letters").field("name", &self.0.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn of_two(overflow: Overflow) -> (Postbox<u32>, Letters<u32>) {
        mailbox("test", NonZeroUsize::new(2).expect("two"), overflow)
    }

    fn all(letters: &mut Letters<u32>) -> Vec<u32> {
        std::iter::from_fn(|| letters.take()).collect()
    }

    #[tokio::test]
    async fn a_full_mailbox_does_what_it_says() {
        for (overflow, third, kept) in [
            (Overflow::DropOldest, Ok(Sent::TakenForTheOldest), vec![2, 3]),
            (Overflow::DropNewest, Ok(Sent::Dropped), vec![1, 2]),
            (Overflow::Fail, Err(Refused::Full(3)), vec![1, 2]),
        ] {
            let (post, mut letters) = of_two(overflow);
            for letter in [1, 2] {
                assert_eq!(post.send(letter).await, Ok(Sent::Taken));
            }
            assert_eq!((post.send(3).await, letters.depth()), (third, 2), "{overflow:?}");
            assert_eq!(all(&mut letters), kept, "{overflow:?}");
            assert_eq!(post.send(4).await, Ok(Sent::Taken), "{overflow:?}: there is room again");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_must_not_lose_a_message_waits_for_room() {
        let (post, mut letters) =
            mailbox_of_money("test", NonZeroUsize::new(1).expect("one"), MoneyOverflow::Block);
        post.send(1).await.expect("room");
        assert_eq!(post.offer(9), Err(Refused::Full(9)));
        let waited = tokio::time::timeout(Duration::from_secs(1), post.send(2)).await;
        assert!(waited.is_err(), "it waits");
        assert_eq!(letters.depth(), 1, "and what was given up is not there");
        let both = async { tokio::join!(post.send(2), async { letters.next().await }) };
        assert_eq!(both.await, (Ok(Sent::Taken), Some(1)));
        assert_eq!(letters.next().await, Some(2));
    }

    #[tokio::test]
    async fn an_end_without_the_other_one_is_told() {
        let (post, letters) = of_two(Overflow::Block);
        drop(letters);
        assert_eq!(post.send(1).await, Err(Refused::Closed(1)));
        let (post, mut letters) = of_two(Overflow::DropOldest);
        let other = post.clone();
        other.send(1).await.expect("room");
        drop((post, other));
        assert_eq!((letters.next().await, letters.next().await), (Some(1), None));
    }
}
