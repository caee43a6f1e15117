//! What an error means for whoever must decide to try again.

/// Every error that crosses the queue answers with one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The same call may succeed later.
    Transient,
    /// The same call will never succeed.
    Permanent,
    /// What is stored, or what a host said, contradicts itself: stop acting and say so.
    Corrupt,
}
