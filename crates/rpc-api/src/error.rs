//! Every error code of the namespace, in one table.

use jsonrpsee::types::ErrorObjectOwned;
use serde::Serialize;

/// Error codes of `bmn_*`. Where EIP-1474 has a code for the case, it is that one; our own begin at
/// -32020, since the server library answers oversized requests and batches with -32006 to -32011.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum RpcErrorCode {
    /// A parameter is missing or malformed; `data` names it and the accepted form.
    InvalidParams = -32602,
    /// The node failed to answer; the request may be fine.
    Internal = -32603,
    /// No order, swap, escrow or hashlock with that id.
    NotFound = -32001,
    /// The node cannot take this now; try again later.
    Unavailable = -32002,
    /// The operator has switched this method off here.
    NotSupported = -32004,
    /// Too many requests of this kind are being worked on, or one client asks too much: then `data` is
    /// `{limit, retryAfterMs}`, the limit's name and after how many milliseconds to ask again.
    LimitExceeded = -32005,
    /// The secret opens no hashlock this node knows.
    UnknownHashlock = -32020,
    /// The cursor was not made by this method with this filter.
    BadCursor = -32021,
    /// The permission does not exist yet; it may later.
    NotYet = -32022,
    /// There will be no permission for this order.
    NoPermission = -32023,
    /// The order cannot be read far enough to be identified; nothing was stored.
    UnreadableOrder = -32024,
    /// Several orders have that id; `data` lists their full ids.
    AmbiguousId = -32025,
    /// A reorg replaced the block that a cursor stands on, or one before; `data` is a
    /// [`Reorged`](crate::Reorged): what to forget and where to read again.
    Reorged = -32026,
    /// What is asked for is not what the order's plan wants now; the message says why.
    NotWanted = -32027,
}

impl RpcErrorCode {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::InvalidParams,
        Self::Internal,
        Self::NotFound,
        Self::Unavailable,
        Self::NotSupported,
        Self::LimitExceeded,
        Self::UnknownHashlock,
        Self::BadCursor,
        Self::NotYet,
        Self::NoPermission,
        Self::UnreadableOrder,
        Self::AmbiguousId,
        Self::Reorged,
        Self::NotWanted,
    ];

    /// The number on the wire.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// Stable name, for documentation and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidParams => "invalidParams",
            Self::Internal => "internal",
            Self::NotFound => "notFound",
            Self::Unavailable => "unavailable",
            Self::NotSupported => "notSupported",
            Self::LimitExceeded => "limitExceeded",
            Self::UnknownHashlock => "unknownHashlock",
            Self::BadCursor => "badCursor",
            Self::NotYet => "notYet",
            Self::NoPermission => "noPermission",
            Self::UnreadableOrder => "unreadableOrder",
            Self::AmbiguousId => "ambiguousId",
            Self::Reorged => "reorged",
            Self::NotWanted => "notWanted",
        }
    }

    /// Text of the error object where the handler has nothing more exact to say.
    pub const fn message(self) -> &'static str {
        match self {
            // The server library writes the same words when it cannot read the parameters itself.
            Self::InvalidParams => "Invalid params",
            Self::Internal => "internal error",
            Self::NotFound => "not found",
            Self::Unavailable => "not available now",
            Self::NotSupported => "not supported here",
            Self::LimitExceeded => "limit exceeded",
            Self::UnknownHashlock => "the secret opens no known hashlock",
            Self::BadCursor => "the cursor does not belong to this request",
            Self::NotYet => "not signed yet",
            Self::NoPermission => "no permission will be signed",
            Self::UnreadableOrder => "the order cannot be read",
            Self::AmbiguousId => "several orders have this id",
            Self::Reorged => "a reorg replaced what this cursor has read",
            Self::NotWanted => "not wanted now",
        }
    }

    /// The code behind a number.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }

    /// An error object with the code's own message and `data` for the details.
    pub fn with_data(self, data: impl Serialize) -> ErrorObjectOwned {
        ErrorObjectOwned::owned(self.code(), self.message(), Some(data))
    }

    /// An error object with a message of its own.
    pub fn says(self, message: impl Into<String>) -> ErrorObjectOwned {
        ErrorObjectOwned::owned::<()>(self.code(), message, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_has_the_number_and_words_the_documentation_names() {
        let table = [
            (-32602, "invalidParams", "Invalid params"),
            (-32603, "internal", "internal error"),
            (-32001, "notFound", "not found"),
            (-32002, "unavailable", "not available now"),
            (-32004, "notSupported", "not supported here"),
            (-32005, "limitExceeded", "limit exceeded"),
            (-32020, "unknownHashlock", "the secret opens no known hashlock"),
            (-32021, "badCursor", "the cursor does not belong to this request"),
            (-32022, "notYet", "not signed yet"),
            (-32023, "noPermission", "no permission will be signed"),
            (-32024, "unreadableOrder", "the order cannot be read"),
            (-32025, "ambiguousId", "several orders have this id"),
            (-32026, "reorged", "a reorg replaced what this cursor has read"),
            (-32027, "notWanted", "not wanted now"),
        ];
        assert_eq!(table.len(), RpcErrorCode::ALL.len());
        for (known, (code, name, message)) in RpcErrorCode::ALL.into_iter().zip(table) {
            assert_eq!((known.code(), known.name(), known.message()), (code, name, message));
            assert_eq!(RpcErrorCode::from_code(code), Some(known));
        }
        let numbers: HashSet<_> = table.iter().map(|row| row.0).collect();
        assert_eq!(numbers.len(), table.len());
        assert_eq!(RpcErrorCode::from_code(-1), None);
    }

    #[test]
    fn details_travel_in_data_and_own_words_in_the_message() {
        let error = RpcErrorCode::InvalidParams.with_data("`limit`: expected 1 to 200");
        assert_eq!(error.code(), -32602);
        assert_eq!(error.data().unwrap().get(), "\"`limit`: expected 1 to 200\"");
        assert_eq!(RpcErrorCode::NotFound.says("no such order").message(), "no such order");
    }
}
