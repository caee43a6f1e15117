//! A connection's socket, below HTTP and WebSocket: who takes no answers is read no further.
//!
//! The server library works on every message it reads, whether or not anybody takes its answers, and keeps what
//! is not taken. So it must not read. Once a write has had to wait, a peer is read only a [`SHARE`]th of what it
//! takes, which is less than the smallest requests bring in answers: what waits for it can only become less. It
//! is read freely again when no write has had to wait for a while ([`CALM`]). A peer that takes nothing at all
//! for the time of a write is let go.

use crate::clients::Place;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// A byte is read for so many that were taken. An empty WebSocket message has 6 bytes and is answered with 77.
const SHARE: u64 = 16;

/// How long no write must have waited for a peer to be read freely again.
const CALM: Duration = Duration::from_secs(1);

/// Most that is read at once while what is read is counted, bytes.
const SIP: usize = 1_024;

/// What is shared of a connection: by both directions of its socket, its methods and its listener.
#[derive(Debug, Default)]
pub(crate) struct Connection(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Why neither direction goes on.
    cut: Option<Cut>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// None while the peer is read freely.
    slow: Option<Slow>,
    /// Bytes that the peer has taken.
    taken: u64,
    /// Answers that wait to be taken: up to which byte, and the place at work that each keeps until then.
    owed: VecDeque<(u64, Place)>,
}

/// Why a connection was ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Its listener ended it, or its other direction failed.
    Ended,
    /// The peer took nothing.
    NotTaken,
}

impl Cut {
    fn error(self) -> io::Error {
        let (kind, words) = match self {
            Self::Ended => (io::ErrorKind::ConnectionAborted, "the connection was ended here"),
            Self::NotTaken => (io::ErrorKind::TimedOut, "the client takes nothing of its answers"),
        };
        io::Error::new(kind, words)
    }
}

/// A peer that had to be waited for.
#[derive(Debug, Clone, Copy)]
struct Slow {
    /// It takes nothing just now.
    is_stuck: bool,
    /// Until when it is waited for, or until when it must have taken everything at once.
    until: Instant,
    /// Bytes that it took and was not read for.
    credit: u64,
}

impl Connection {
    /// An answer of so many bytes is on its way to the socket. Its place at work is given back when the peer has
    /// taken it.
    pub(crate) fn owes(&self, bytes: usize, place: Place) {
        let mut state = self.0.lock();
        if state.cut.is_some() {
            return;
        }
        let before = state.owed.back().map_or(state.taken, |(end, _)| *end);
        state.owed.push_back((before.saturating_add(bytes as u64), place));
    }

    /// Ends it: neither direction goes on.
    pub(crate) fn cut(&self) {
        self.cut_for(Cut::Ended);
    }

    fn cut_for(&self, cut: Cut) {
        let mut state = self.0.lock();
        state.cut.get_or_insert(cut);
        let owed = std::mem::take(&mut state.owed);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        drop(owed);
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
    }

    /// A write waits. Answers until when.
    fn waits(&self, most: Duration, writer: &Waker) -> Instant {
        let mut state = self.0.lock();
        keep(&mut state.writer, writer);
        let credit = state.slow.map_or(0, |slow| slow.credit);
        match state.slow {
            Some(slow) if slow.is_stuck => slow.until,
            _ => {
                let until = Instant::now() + most;
                state.slow = Some(Slow { is_stuck: true, until, credit });
                until
            }
        }
    }

    /// The peer took so many bytes.
    fn took(&self, bytes: usize) {
        let mut state = self.0.lock();
        state.taken += bytes as u64;
        let taken = state.taken;
        let paid = state.owed.iter().take_while(|(end, _)| *end <= taken).count();
        let paid: Vec<_> = state.owed.drain(..paid).collect();
        let reader = match &mut state.slow {
            None => None,
            Some(slow) => {
                slow.credit += bytes as u64;
                if slow.is_stuck {
                    (slow.is_stuck, slow.until) = (false, Instant::now() + CALM);
                }
                state.reader.take()
            }
        };
        drop(state);
        drop(paid);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// How much may be read now, or until when not.
    fn may_read(&self) -> May {
        let mut state = self.0.lock();
        let Some(slow) = state.slow else { return May::All };
        let is_over = Instant::now() >= slow.until;
        if is_over && !slow.is_stuck {
            state.slow = None;
            return May::All;
        }
        match usize::try_from(slow.credit / SHARE).unwrap_or(usize::MAX) {
            0 => May::Nothing(slow),
            some => May::Some(some),
        }
    }

    fn was_read(&self, bytes: usize) {
        if let Some(slow) = &mut self.0.lock().slow {
            slow.credit = slow.credit.saturating_sub(SHARE * bytes as u64);
        }
    }

    fn goes_on(&self) -> io::Result<()> {
        self.0.lock().cut.map_or(Ok(()), |cut| Err(cut.error()))
    }

    fn gives_up(&self) -> io::Error {
        self.cut_for(Cut::NotTaken);
        Cut::NotTaken.error()
    }

    /// Wakes whoever reads when the peer takes something, and when it is over.
    fn reads(&self, reader: &Waker) {
        keep(&mut self.0.lock().reader, reader);
    }

    fn writes(&self, writer: &Waker) {
        keep(&mut self.0.lock().writer, writer);
    }
}

enum May {
    All,
    Some(usize),
    Nothing(Slow),
}

fn keep(kept: &mut Option<Waker>, waker: &Waker) {
    if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
        *kept = Some(waker.clone());
    }
}

/// A socket whose peer is read as it takes what is written. What is `held` with it is dropped with it.
#[derive(Debug)]
pub(crate) struct Socket<S, H> {
    inner: S,
    connection: Arc<Connection>,
    /// How long a write may wait for the peer to take anything.
    most: Duration,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
    _held: H,
}

impl<S: Unpin, H: Unpin> Socket<S, H> {
    pub(crate) const fn new(
        inner: S,
        connection: Arc<Connection>,
        most: Duration,
        held: H,
    ) -> Self {
        Self { inner, connection, most, reading: None, writing: None, _held: held }
    }

    /// How many bytes may be read; none for all there are.
    fn room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        // First of all, so that no wake-up falls between the look and the end of this.
        self.connection.reads(context.waker());
        loop {
            self.connection.goes_on()?;
            let slow = match self.connection.may_read() {
                May::All => {
                    self.reading = None;
                    return Poll::Ready(Ok(None));
                }
                May::Some(bytes) => return Poll::Ready(Ok(Some(bytes))),
                May::Nothing(slow) => slow,
            };
            ready!(until(&mut self.reading, slow.until, context));
            if slow.is_stuck {
                return Poll::Ready(Err(self.connection.gives_up()));
            }
        }
    }

    /// A write that waits does so only for so long.
    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Ready(Ok(bytes)) => {
                self.connection.took(bytes);
                self.writing = None;
            }
            Poll::Ready(Err(_)) => self.connection.cut(),
            Poll::Pending => {
                let last = self.connection.waits(self.most, context.waker());
                ready!(until(&mut self.writing, last, context));
                return Poll::Ready(Err(self.connection.gives_up()));
            }
        }
        polled
    }

    fn may_write(&self, context: &Context<'_>) -> io::Result<()> {
        self.connection.writes(context.waker());
        self.connection.goes_on()
    }
}

fn until(
    timer: &mut Option<Pin<Box<Sleep>>>,
    last: Instant,
    context: &mut Context<'_>,
) -> Poll<()> {
    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(last)));
    if timer.deadline() != last {
        timer.as_mut().reset(last);
    }
    timer.as_mut().poll(context)
}

impl<S: AsyncRead + Unpin, H: Unpin> AsyncRead for Socket<S, H> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(room) = ready!(this.room(context))? else {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        };
        let mut few = [0; SIP];
        let most = room.min(buffer.remaining()).min(SIP);
        let mut few = ReadBuf::new(&mut few[..most]);
        ready!(Pin::new(&mut this.inner).poll_read(context, &mut few))?;
        buffer.put_slice(few.filled());
        this.connection.was_read(few.filled().len());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin, H: Unpin> AsyncWrite for Socket<S, H> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.may_write(context)?;
        let polled = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.wrote(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.may_write(context)?;
        let polled = Pin::new(&mut this.inner).poll_write_vectored(context, slices);
        this.wrote(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.may_write(context)?;
        Pin::new(&mut this.inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Client, Places};
    use std::{net::IpAddr, num::NonZeroU32};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex};

    const MOST: Duration = Duration::from_secs(30);
    /// Bytes that are on their way before a write has to wait.
    const PIPE: usize = 4_096;

    type Halves = (ReadHalf<Socket<DuplexStream, ()>>, WriteHalf<Socket<DuplexStream, ()>>);

    fn pair() -> (Halves, DuplexStream, Arc<Connection>) {
        let (ours, peer) = duplex(PIPE);
        let connection = Arc::new(Connection::default());
        let socket = Socket::new(ours, Arc::clone(&connection), MOST, ());
        (tokio::io::split(socket), peer, connection)
    }

    /// Whether a read ends within the time.
    async fn reads(reader: &mut ReadHalf<Socket<DuplexStream, ()>>, within: u64) -> Option<usize> {
        let mut buffer = [0; PIPE];
        let read = reader.read(&mut buffer);
        let read = tokio::time::timeout(Duration::from_millis(within), read).await;
        read.ok().map(Result::unwrap)
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_not_read_and_who_takes_something_is_read_a_sixteenth_of_it() {
        let ((mut reader, mut writer), mut peer, _) = pair();
        peer.write_all(&[1; 2_000]).await.unwrap();
        writer.write_all(&[2; PIPE]).await.unwrap();
        let mut few = [0; 100];
        assert_eq!(reader.read(&mut few).await.unwrap(), 100, "nothing waited so far");
        let mut answers = Box::pin(writer.write_all(&[2; 6_400]));
        assert!(tokio::time::timeout(Duration::from_secs(5), &mut answers).await.is_err());
        assert_eq!(reads(&mut reader, 5_000).await, None, "a write waits");

        // Woken by what the peer takes, not by time.
        let taken = async {
            peer.read_exact(&mut [0; 1_600]).await.unwrap();
            let _ = tokio::time::timeout(Duration::from_millis(1), &mut answers).await;
        };
        let (read, ()) = tokio::join!(reads(&mut reader, 100), taken);
        assert_eq!(read, Some(100), "a sixteenth of 1 600");
        assert_eq!(reads(&mut reader, 5_000).await, None);

        let rest = async { peer.read_exact(&mut [0; 6_400]).await.unwrap() };
        let (answered, _) = tokio::join!(&mut answers, rest);
        answered.unwrap();
        assert_eq!(reads(&mut reader, 0).await, Some(300), "a sixteenth of the other 4 800");
        assert_eq!(reads(&mut reader, 900).await, None);
        assert_eq!(reads(&mut reader, 200).await, Some(1_500), "all of it after a second's calm");
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_the_time_of_a_write_is_let_go() {
        let ((mut reader, mut writer), mut peer, _) = pair();
        let begun = Instant::now();
        let (written, read) = tokio::join!(writer.write_all(&[2; 2 * PIPE]), reader.read_u8());
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(read.is_err());
        assert_eq!(begun.elapsed().as_secs(), MOST.as_secs());
        assert!(writer.write_all(&[2]).await.is_err());
        // One who takes a little now and then is waited for.
        let ((_reader, mut writer), mut slow, _) = pair();
        let takes = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(25)).await;
                slow.read_exact(&mut [0; PIPE / 4]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(writer.write_all(&[2; 2 * PIPE]), takes);
        written.unwrap();
        drop(peer.shutdown().await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_alone_sees_the_end_of_the_time_of_a_write() {
        let ((mut reader, mut writer), _peer, _) = pair();
        let dropped = tokio::time::timeout(Duration::ZERO, writer.write_all(&[2; 2 * PIPE]));
        assert!(dropped.await.is_err());
        assert!(reader.read_u8().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_given_back_when_its_answer_was_taken() {
        let ((_reader, mut writer), mut peer, connection) = pair();
        let places = Arc::new(Places::new(NonZeroU32::new(2).unwrap()));
        let client = Client::of(IpAddr::from([127, 0, 0, 1]));
        writer.write_all(&[1; 10]).await.unwrap();
        for _ in 0..2 {
            connection.owes(PIPE, places.take(client).unwrap());
        }
        let mut answers = Box::pin(writer.write_all(&[2; 2 * PIPE]));
        let _ = tokio::time::timeout(Duration::ZERO, &mut answers).await;
        assert!(places.take(client).is_none());
        peer.read_exact(&mut [0; 10]).await.unwrap();
        let _ = tokio::time::timeout(Duration::ZERO, &mut answers).await;
        drop(places.take(client).expect("the first answer is on its way"));
        let first = places.take(client).unwrap();
        assert!(places.take(client).is_none(), "the second is not");
        connection.cut();
        drop((places.take(client).expect("nobody waits for it any more"), first));
        connection.owes(1, places.take(client).unwrap());
        places.take(client).expect("kept nothing");
    }

    #[tokio::test]
    async fn a_cut_wakes_both_directions() {
        let ((mut reader, mut writer), _peer, connection) = pair();
        let cut = async {
            tokio::task::yield_now().await;
            connection.cut();
        };
        let (read, written, ()) =
            tokio::join!(reader.read_u8(), writer.write_all(&[2; 2 * PIPE]), cut);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
