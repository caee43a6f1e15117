//! What stands in front of the extra data of a 1inch order: fees, and who may fill it from when.

use crate::{Order, Origin, Refusal};
use alloy::primitives::Address;
use bmn_contracts::ExtraData;
use bmn_primitives::Dialect;

/// Low bytes of an address in a whitelist.
const LISTED: usize = 10;

/// A whitelist entry: those bytes, and the seconds after the entry before.
const ENTRY: usize = LISTED + 2;

/// What a header says, as far as it decides whether we may fill.
struct Header<'a> {
    allowed_time: u32,
    whitelist: &'a [u8],
    /// An entry's seconds count for itself (`oneinch1`), or for those behind it only.
    own_delay: bool,
    /// Of another contract, which a fill would call.
    foreign: bool,
}

fn read(dialect: Dialect, header: &[u8]) -> Option<Header<'_>> {
    match dialect {
        Dialect::OneInch1 => first(header),
        Dialect::OneInch2 => second(header),
        _ => None,
    }
}

/// What the header of a 1inch order has against a fill by `taker` (`protocol.md` 7.3). That it is too
/// early is nothing against it: see [`fill_opens_at`].
pub(crate) fn header_refusals(dialect: Dialect, header: &[u8], taker: Address) -> Vec<Refusal> {
    if dialect.has_absolute_times() {
        return Vec::new();
    }
    let bad = |reason: String| Refusal::BadHeader(reason);
    let Some(header) = read(dialect, header) else {
        return vec![bad("its length does not fit its own count of resolvers".to_owned())];
    };
    let mut reasons = Vec::new();
    if header.foreign {
        reasons.push(bad("a fill would call a contract that we do not know".to_owned()));
    }
    // Others may fill with the access token, for a fee; ours is not known to hold it.
    if allowed_from(&header, taker).is_none() {
        reasons.push(bad(format!("{taker} is not among the resolvers that may fill it")));
    }
    reasons
}

/// From when on `taker` may fill an order, unix seconds; zero where its header says nothing of it.
pub(crate) fn fill_opens_at(order: &Order, taker: Address) -> u64 {
    let Origin::Submitted(signed) = &order.origin else { return 0 };
    let opens = || {
        let extension = signed.order.check_extension(&signed.extension).ok()?;
        let (_, tail) = extension.post_interaction().ok()?;
        let header = tail.get(..tail.len().checked_sub(ExtraData::LEN)?)?;
        allowed_from(&read(order.dialect, header)?, taker)
    };
    if order.dialect.has_absolute_times() { 0 } else { opens().unwrap_or(0) }
}

fn allowed_from(header: &Header<'_>, taker: Address) -> Option<u64> {
    let mut from = u64::from(header.allowed_time);
    for entry in header.whitelist.chunks_exact(ENTRY) {
        let (listed, delay) = entry.split_at(LISTED);
        let after = from + delay.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        if listed == &taker[Address::len_bytes() - LISTED..] {
            return Some(if header.own_delay { after } else { from });
        }
        from = after;
    }
    None
}

/// `[fee (4) when bit 0 of the bitmap is set] ++ allowedTime (4) ++ entries ++ bitmap (1)`, the entries
/// counted by the bitmap's upper five bits. The fee is asked of those that are not listed.
fn first(header: &[u8]) -> Option<Header<'_>> {
    let (bitmap, rest) = header.split_last()?;
    let rest = if bitmap & 1 == 1 { take_u32(rest)?.1 } else { rest };
    let (allowed_time, whitelist) = take_u32(rest)?;
    let fits = whitelist.len() == usize::from(bitmap >> 3) * ENTRY && bitmap & 0b110 == 0;
    fits.then_some(Header { allowed_time, whitelist, own_delay: true, foreign: false })
}

/// Two recipients, four fee fields, allowedTime (4), the number of entries (1), the entries, and whatever
/// else is to be called. The fees go off the destination's amount.
fn second(header: &[u8]) -> Option<Header<'_>> {
    const FEES: usize = 20 + 20 + 2 + 1 + 2 + 1;
    let (allowed_time, rest) = take_u32(header.get(FEES..)?)?;
    let (count, rest) = rest.split_first()?;
    let (whitelist, extra) = rest.split_at_checked(usize::from(*count) * ENTRY)?;
    Some(Header { allowed_time, whitelist, own_delay: false, foreign: !extra.is_empty() })
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*word), rest))
}
