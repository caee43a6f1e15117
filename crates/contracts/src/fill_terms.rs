//! What a 1inch order says in front of its five words: who may fill it from when on, and for what fee.

use crate::{error::OrderError, extra_data::ExtraData, fees::FeeTerms};
use alloy::primitives::{Address, Bytes, U256};
use bmn_primitives::{Dialect, ErrorClass};

/// Bytes of an address that a whitelist keeps: the low ten.
const TAIL: usize = 10;
/// `oneinch1`: in the last byte, there is a fee.
const FEE_FLAG: u8 = 1;
/// `oneinch1`: in the last byte, the number of entries begins here.
const COUNT_SHIFT: u32 = 3;
/// `oneinch1`: one unit of the order's fee, in the fee token's smallest unit.
const FEE_UNIT: u64 = 1_000_000_000_000_000;

/// A resolver on an order's whitelist. Nothing but the low ten bytes of the address is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WhitelistEntry {
    /// Low ten bytes of the address.
    pub tail: [u8; TAIL],
    /// Seconds added to the time from which fills are allowed: in `oneinch1` for this entry and those
    /// behind it, in `oneinch2` for those behind it only.
    pub delay: u16,
}

impl WhitelistEntry {
    /// The entry of a resolver.
    pub fn new(resolver: Address, delay: u16) -> Self {
        Self { tail: tail_of(resolver), delay }
    }
}

fn tail_of(resolver: Address) -> [u8; TAIL] {
    let mut tail = [0; TAIL];
    tail.copy_from_slice(&resolver[Address::len_bytes() - TAIL..]);
    tail
}

/// What a fill costs, and whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FillFee {
    /// `oneinch1`: from the filler's credit at the factory's fee bank, if he is not on the whitelist;
    /// in units of 10^15 of the fee token's smallest unit, for the whole order. `None` is no fee.
    Credit(Option<u32>),
    /// `oneinch2`: out of the destination amount.
    Destination(FeeTerms),
}

impl FillFee {
    /// No fee, in the form of a dialect; `None` where orders say nothing about fees.
    pub fn none(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::OneInch1 => Some(Self::Credit(None)),
            Dialect::OneInch2 => Some(Self::Destination(FeeTerms::default())),
            _ => None,
        }
    }
}

/// Fees, time and whitelist of a 1inch order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillTerms {
    /// Unix seconds from which the first of the whitelist may fill, its delay aside.
    pub allowed_time: u32,
    /// In the order of their times.
    pub whitelist: Vec<WhitelistEntry>,
    /// Also tells the dialect.
    pub fee: FillFee,
}

/// Why the factory lets a taker fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Admission {
    /// He is on the whitelist.
    Whitelisted,
    /// He is not, or not yet: he must hold the access token, or the fill reverts with
    /// `ResolverCanNotFillOrder` (`oneinch1`) or `OnlyWhitelistOrAccessToken` (`oneinch2`).
    AccessToken,
}

/// The factory does not let a taker fill in a block of this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FillRefusal {
    /// `ResolverCanNotFillOrder` or `AllowedTimeViolation`.
    #[error("{resolver} may fill from {opens_at} on, the block's time is {now}")]
    TooEarly {
        /// The taker.
        resolver: Address,
        /// The first second in which he may fill, perhaps with the access token only; unix seconds.
        opens_at: u64,
        /// Time of the block, unix seconds.
        now: u64,
    },
}

impl FillRefusal {
    /// Time heals it.
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Transient
    }
}

/// The first second of each way to be let in, unix seconds; `None` where a way stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Openings {
    /// As one of the whitelist.
    pub whitelisted: Option<u64>,
    /// As a holder of the access token.
    pub access_token: Option<u64>,
}

impl FillTerms {
    /// Reads the extra data of an order: what precedes the five words, and those.
    ///
    /// # Errors
    /// A dialect without such terms, too few bytes, percentages above 100, and what the factory would
    /// ignore: nobody knows what it is for.
    pub fn from_extra_data(
        dialect: Dialect,
        extra_data: &[u8],
    ) -> Result<(Self, ExtraData), OrderError> {
        let words = ExtraData::decode(dialect, extra_data)?;
        let header = &extra_data[..extra_data.len() - ExtraData::LEN];
        Ok((Self::decode(dialect, header)?, words))
    }

    /// Reads what precedes the five words.
    ///
    /// # Errors
    /// As [`Self::from_extra_data`].
    pub fn decode(dialect: Dialect, header: &[u8]) -> Result<Self, OrderError> {
        match dialect {
            Dialect::OneInch1 => Self::decode_credit(header),
            Dialect::OneInch2 => Self::decode_destination(header),
            other => Err(OrderError::NoFillTerms(other)),
        }
    }

    fn decode_credit(header: &[u8]) -> Result<Self, OrderError> {
        let (bitmap, rest) =
            header.split_last().ok_or(OrderError::FillTermsTooShort(header.len()))?;
        if bitmap & !(u8::MAX << COUNT_SHIFT) & !FEE_FLAG != 0 {
            return Err(OrderError::FillTermsFlags(*bitmap));
        }
        let mut rest = Reader { rest, length: header.len() };
        let fee = if bitmap & FEE_FLAG == 0 { None } else { Some(rest.take()?) };
        let fee = fee.map(u32::from_be_bytes);
        let allowed_time = u32::from_be_bytes(rest.take()?);
        let whitelist = rest.whitelist(usize::from(bitmap >> COUNT_SHIFT))?;
        match rest.rest.len() {
            0 => Ok(Self { allowed_time, whitelist, fee: FillFee::Credit(fee) }),
            surplus => Err(OrderError::FillTermsSurplus(surplus)),
        }
    }

    fn decode_destination(header: &[u8]) -> Result<Self, OrderError> {
        let mut rest = Reader { rest: header, length: header.len() };
        let mut terms = FeeTerms {
            integrator: rest.take().map(Address::new)?,
            protocol: rest.take().map(Address::new)?,
            integrator_fee: u16::from_be_bytes(rest.take()?),
            integrator_share: percent("integrator share", rest.take()?)?,
            resolver_fee: u16::from_be_bytes(rest.take()?),
            whitelist_discount: percent("whitelist discount", rest.take()?)?,
            post_interaction: None,
        };
        let allowed_time = u32::from_be_bytes(rest.take()?);
        let [count] = rest.take()?;
        let whitelist = rest.whitelist(usize::from(count))?;
        terms.post_interaction = match rest.rest.split_first_chunk::<20>() {
            Some((target, data)) => Some((target.into(), Bytes::copy_from_slice(data))),
            None if rest.rest.is_empty() => None,
            None => return Err(OrderError::FillTermsSurplus(rest.rest.len())),
        };
        Ok(Self { allowed_time, whitelist, fee: FillFee::Destination(terms) })
    }

    /// The bytes that precede the five words.
    ///
    /// # Errors
    /// More entries than the dialect can count: 31 in `oneinch1`, 255 in `oneinch2`.
    pub fn encode(&self) -> Result<Bytes, OrderError> {
        let mut bytes = Vec::new();
        let entries = self.whitelist.len();
        let count = |most: u8| {
            let too_long = OrderError::WhitelistTooLong { entries, most };
            u8::try_from(entries).ok().filter(|count| *count <= most).ok_or(too_long)
        };
        match &self.fee {
            FillFee::Credit(fee) => {
                let count = count(u8::MAX >> COUNT_SHIFT)?;
                bytes.extend(fee.iter().flat_map(|fee| fee.to_be_bytes()));
                bytes.extend(self.allowed_time.to_be_bytes());
                self.push_whitelist(&mut bytes);
                bytes.push((count << COUNT_SHIFT) | u8::from(fee.is_some()));
            }
            FillFee::Destination(terms) => {
                let count = count(u8::MAX)?;
                bytes.extend(terms.integrator);
                bytes.extend(terms.protocol);
                bytes.extend(terms.integrator_fee.to_be_bytes());
                bytes.push(terms.integrator_share);
                bytes.extend(terms.resolver_fee.to_be_bytes());
                bytes.push(terms.whitelist_discount);
                bytes.extend(self.allowed_time.to_be_bytes());
                bytes.push(count);
                self.push_whitelist(&mut bytes);
                if let Some((target, data)) = &terms.post_interaction {
                    bytes.extend(target);
                    bytes.extend(data);
                }
            }
        }
        Ok(bytes.into())
    }

    fn push_whitelist(&self, bytes: &mut Vec<u8>) {
        for entry in &self.whitelist {
            bytes.extend(entry.tail);
            bytes.extend(entry.delay.to_be_bytes());
        }
    }

    /// When the factory begins to let `resolver` in.
    pub fn openings(&self, resolver: Address) -> Openings {
        let listed_first = matches!(self.fee, FillFee::Destination(_));
        let tail = tail_of(resolver);
        let start = u64::from(self.allowed_time);
        let mut time = start;
        for entry in &self.whitelist {
            let before = time;
            time += u64::from(entry.delay);
            if entry.tail == tail {
                return if listed_first {
                    Openings { whitelisted: Some(before), access_token: None }
                } else {
                    Openings { whitelisted: Some(time), access_token: Some(start) }
                };
            }
        }
        // In `oneinch1` others need not wait for the whitelist.
        let others = if listed_first { time } else { start };
        Openings { whitelisted: None, access_token: Some(others) }
    }

    /// Whether the factory lets `resolver` fill in a block of this time (unix seconds), and on what
    /// condition.
    ///
    /// # Errors
    /// [`FillRefusal::TooEarly`].
    pub fn may_fill(&self, resolver: Address, now: u64) -> Result<Admission, FillRefusal> {
        let Openings { whitelisted, access_token } = self.openings(resolver);
        let open = |time: Option<u64>| time.is_some_and(|time| time <= now);
        if open(whitelisted) {
            return Ok(Admission::Whitelisted);
        }
        if open(access_token) {
            return Ok(Admission::AccessToken);
        }
        let opens_at = whitelisted.into_iter().chain(access_token).min().unwrap_or(u64::MAX);
        Err(FillRefusal::TooEarly { resolver, opens_at, now })
    }

    /// What a fill takes from the filler's credit at the fee bank, in the fee token's smallest unit:
    /// `oneinch1` and outside the whitelist only. `None` when the factory's own arithmetic overflows,
    /// or for an order of nothing.
    pub fn credit_charge(
        &self,
        admission: Admission,
        making: U256,
        order_making: U256,
    ) -> Option<U256> {
        match (&self.fee, admission) {
            (FillFee::Credit(Some(fee)), Admission::AccessToken) => {
                let whole = U256::from(*fee) * U256::from(FEE_UNIT);
                whole.checked_mul(making)?.checked_div(order_making)
            }
            _ => Some(U256::ZERO),
        }
    }
}

fn percent(field: &'static str, [value]: [u8; 1]) -> Result<u8, OrderError> {
    if value > 100 { Err(OrderError::AboveHundredPercent { field, value }) } else { Ok(value) }
}

/// The bytes that are not read yet.
struct Reader<'a> {
    rest: &'a [u8],
    /// Of the whole header.
    length: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], OrderError> {
        let too_short = OrderError::FillTermsTooShort(self.length);
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(too_short)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn whitelist(&mut self, count: usize) -> Result<Vec<WhitelistEntry>, OrderError> {
        let entry = |_| {
            let tail = self.take()?;
            Ok(WhitelistEntry { tail, delay: u16::from_be_bytes(self.take()?) })
        };
        (0..count).map(entry).collect()
    }
}
