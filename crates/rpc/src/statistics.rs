//! `bmn_getStatistics` and `bmn_getDigest`.

use crate::{RpcError, convert, cursor, snapshot::Snapshot};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Leg};
use bmn_rpc_api::{
    AsOf, ChainStatistics, ChainVolume, Cursor, DailyMetrics, DailyStatistics, Day, Days,
    IndexDigest, Limit, SideCounts, StatisticsFilter, StatisticsPage, TokenVolume,
};
use bmn_store::{DayCounts, Volume};

const METHOD: &str = "getStatistics";

/// Tokens shown of each side of a day. Anybody can add tokens to a day.
const TOKENS: usize = 32;

type Result<T> = std::result::Result<T, RpcError>;

/// A page of days.
pub(crate) fn page(
    snapshot: &Snapshot,
    (filter, then): (&StatisticsFilter, Option<AsOf>),
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<StatisticsPage> {
    let days = days(filter)?;
    let bound = (filter, then);
    let after = from.map(|from| position(&cursor::open(METHOD, &bound, from)?)).transpose()?;
    let mut items: Vec<DailyStatistics> = Vec::new();
    for (chain, _) in snapshot.cursors()? {
        let wanted = filter.chain.is_none_or(|only| only == chain.0);
        if !wanted || after.is_some_and(|(last, _)| last > chain) {
            continue;
        }
        let mut first = days.0;
        if let Some((_, day)) = after.filter(|(last, _)| *last == chain) {
            let Some(next) = day.checked_add(1) else { continue };
            first = first.max(next);
        }
        if first > days.1 {
            continue;
        }
        let wanted = limit.items() + 1 - items.len();
        for (day, counts) in snapshot.days(chain, (first, days.1), wanted)? {
            if items.len() == limit.items() {
                let next = items.last().map(|last| {
                    let (chain, day) = (last.chain.to_be_bytes(), last.day.number().to_be_bytes());
                    cursor::seal(METHOD, &bound, &[&chain[..], &day].concat())
                });
                return Ok(StatisticsPage { items, next });
            }
            items.extend(entry(snapshot, filter.token, (chain, day), &counts)?);
        }
    }
    Ok(StatisticsPage { items, next: None })
}

/// Everything a chain showed, in one sum.
///
/// # Errors
/// [`RpcError::NotIndexed`].
pub(crate) fn of_chain(snapshot: &Snapshot, chain: u64) -> Result<ChainStatistics> {
    if !snapshot.cursors()?.iter().any(|(id, _)| id.0 == chain) {
        return Err(RpcError::NotIndexed(format!("chain {chain} is not indexed")));
    }
    let days = snapshot.days(ChainId(chain), (0, u32::MAX), usize::MAX)?;
    let mut sum = Sum::default();
    days.iter().for_each(|(_, counts)| sum.add(counts));
    let named = |day: Option<&(u32, DayCounts)>| day.and_then(|(day, _)| Day::from_number(*day));
    let ended = sum.withdrawn.source + sum.cancelled.source;
    Ok(ChainStatistics {
        chain,
        first_day: named(days.first()),
        last_day: named(days.last()),
        days: days.len() as u64,
        created: sum.created,
        withdrawn: sum.withdrawn,
        cancelled: sum.cancelled,
        rescued: sum.rescued,
        secrets: sum.secrets,
        success_bps: (sum.withdrawn.source * 10_000).checked_div(ended),
    })
}

/// The newest days of all chains, those without anything included.
pub(crate) fn newest(snapshot: &Snapshot, days: Days) -> Result<Vec<DailyMetrics>> {
    let cursors = snapshot.cursors()?;
    let tips = cursors.iter().filter_map(|(_, cursor)| cursor.tip);
    let Some(last) = tips.map(|tip| Day::of(tip.time).number()).max() else {
        return Ok(Vec::new());
    };
    let first = (last + 1).saturating_sub(days.number());
    (first..=last).filter_map(Day::from_number).map(|day| on_day(snapshot, &cursors, day)).collect()
}

fn on_day(
    snapshot: &Snapshot,
    cursors: &[(ChainId, bmn_store::Cursor)],
    day: Day,
) -> Result<DailyMetrics> {
    let (mut sum, mut locked, mut more_tokens) = (Sum::default(), Vec::new(), false);
    for (chain, _) in cursors {
        let number = day.number();
        let counts = snapshot.days(*chain, (number, number), 1)?;
        counts.iter().for_each(|(_, counts)| sum.add(counts));
        let (tokens, more) = volumes(snapshot, (*chain, number), Leg::Source, None)?;
        more_tokens |= more;
        let of_chain =
            |TokenVolume { token, amount }| ChainVolume { chain: chain.0, token, amount };
        locked.extend(tokens.into_iter().map(of_chain));
    }
    Ok(DailyMetrics {
        day,
        created: sum.created,
        withdrawn: sum.withdrawn,
        cancelled: sum.cancelled,
        rescued: sum.rescued,
        secrets: sum.secrets,
        locked,
        more_tokens,
    })
}

/// Counts of several days.
#[derive(Default)]
struct Sum {
    created: SideCounts,
    withdrawn: SideCounts,
    cancelled: SideCounts,
    rescued: SideCounts,
    secrets: u64,
}

impl Sum {
    fn add(&mut self, day: &DayCounts) {
        let add = |sum: &mut SideCounts, [source, destination]: [u64; 2]| {
            sum.source += source;
            sum.destination += destination;
        };
        add(&mut self.created, [day.sources, day.destinations]);
        add(&mut self.withdrawn, day.withdrawn);
        add(&mut self.cancelled, day.cancelled);
        add(&mut self.rescued, day.rescued);
        self.secrets += day.secrets;
    }
}

fn days(filter: &StatisticsFilter) -> Result<(u32, u32)> {
    let last = Day::of(u64::MAX).number();
    let days = (filter.from_day.map_or(0, Day::number), filter.to_day.map_or(last, Day::number));
    if days.0 > days.1 {
        return Err(RpcError::param("toDay", "a day not before `fromDay`"));
    }
    Ok(days)
}

fn position(bytes: &[u8]) -> Result<(ChainId, u32)> {
    let (chain, day) = bytes.split_first_chunk::<8>().ok_or(RpcError::BadCursor)?;
    let day = day.try_into().map_err(|_| RpcError::BadCursor)?;
    Ok((ChainId(u64::from_be_bytes(*chain)), u32::from_be_bytes(day)))
}

// A day beyond the year 9999 has no name; only a chain that lies about its time has one.
fn entry(
    snapshot: &Snapshot,
    token: Option<Address>,
    (chain, number): (ChainId, u32),
    counts: &DayCounts,
) -> Result<Option<DailyStatistics>> {
    let Some(day) = Day::from_number(number) else { return Ok(None) };
    let sides = |[source, destination]: [u64; 2]| SideCounts { source, destination };
    let (locked, more_locked) = volumes(snapshot, (chain, number), Leg::Source, token)?;
    let (promised, more_promised) = volumes(snapshot, (chain, number), Leg::Destination, token)?;
    Ok(Some(DailyStatistics {
        chain: chain.0,
        day,
        created: sides([counts.sources, counts.destinations]),
        withdrawn: sides(counts.withdrawn),
        cancelled: sides(counts.cancelled),
        rescued: sides(counts.rescued),
        secrets: counts.secrets,
        locked,
        promised,
        more_tokens: more_locked || more_promised,
    }))
}

fn volumes(
    snapshot: &Snapshot,
    of: (ChainId, u32),
    side: Leg,
    token: Option<Address>,
) -> Result<(Vec<TokenVolume>, bool)> {
    let shown = |volume: Volume| TokenVolume { token: volume.token, amount: volume.amount.into() };
    if let Some(token) = token {
        return Ok((snapshot.volume(of, side, token)?.map(shown).into_iter().collect(), false));
    }
    // The sources of a day come before its destinations.
    let after = (side == Leg::Destination).then_some((Leg::Source, Address::repeat_byte(u8::MAX)));
    let mut found = snapshot.volumes(of, after, TOKENS + 1)?;
    found.retain(|volume| volume.side == side);
    let more = found.len() > TOKENS;
    found.truncate(TOKENS);
    Ok((found.into_iter().map(shown).collect(), more))
}

/// The digest of a chain at a block.
///
/// # Errors
/// [`RpcError::NotIndexed`] when the index has not come so far.
pub(crate) fn digest(snapshot: &Snapshot, chain: u64, number: Option<u64>) -> Result<IndexDigest> {
    let tip = snapshot.cursor(ChainId(chain))?.tip;
    let tip = tip.ok_or_else(|| RpcError::NotIndexed(format!("chain {chain} is not indexed")))?;
    let number = number.unwrap_or(tip.number);
    let beyond = || {
        let words = format!("chain {chain} is indexed up to block {}, not {number}", tip.number);
        RpcError::NotIndexed(words)
    };
    let at = snapshot.digest(ChainId(chain), number)?.ok_or_else(beyond)?;
    Ok(IndexDigest { chain, number, block: at.block.map(convert::block), digest: at.digest })
}
