//! `eth_getLogs` and the polled filters.

use super::{
    Context, Method, answer, convert,
    error::RpcError,
    params::{Args, At, find},
};
use crate::chain::{ChainUpdate, MinedBlock};
use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::U256,
    rpc::types::{Filter, FilterBlockOption, Log},
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::broadcast::{self, error::TryRecvError};

/// Blocks one query covers at most.
const RANGE_LIMIT: u64 = 10_000;
/// Logs one query answers at most.
const LOG_LIMIT: usize = 10_000;
/// Filters kept at most; the one polled longest ago goes first.
const FILTER_LIMIT: usize = 256;
/// Reads of a range that a reorg interrupts before giving up.
const READ_ATTEMPTS: usize = 3;

pub(super) const FILTER: &str =
    "an object with address, topics and either blockHash or fromBlock and toBlock";

pub(super) const METHODS: &[Method] = &[
    Method { name: "eth_newFilter", most: 1, run: new_filter },
    Method { name: "eth_newBlockFilter", most: 0, run: new_block_filter },
    Method { name: "eth_getFilterChanges", most: 1, run: changes },
    Method { name: "eth_getFilterLogs", most: 1, run: filter_logs },
    Method { name: "eth_uninstallFilter", most: 1, run: uninstall },
];

pub(super) fn get(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let filter: Filter = args.need("filter", FILTER)?;
    answer(&query(context, &filter)?)
}

fn query(context: &Context, filter: &Filter) -> Result<Vec<Log>, RpcError> {
    let mut found = Vec::new();
    for block in blocks_of(context, filter)? {
        found.extend(convert::logs(&block, filter, false));
        if found.len() > LOG_LIMIT {
            return Err(RpcError::Limit(format!("query returned more than {LOG_LIMIT} results")));
        }
    }
    Ok(found)
}

fn blocks_of(context: &Context, filter: &Filter) -> Result<Vec<Arc<MinedBlock>>, RpcError> {
    let (from, to) = match &filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = context.chain.block_by_hash(*hash)?;
            let unknown = || RpcError::Refused("unknown block".to_owned());
            return Ok(vec![block.ok_or_else(unknown)?]);
        }
        FilterBlockOption::Range { from_block, to_block } => {
            (bound(context, *from_block)?, bound(context, *to_block)?)
        }
    };
    let to = to.min(context.chain.head().number);
    if from > to {
        return Ok(Vec::new());
    }
    if to - from >= RANGE_LIMIT {
        let blocks = to - from + 1;
        return Err(RpcError::Limit(format!("{blocks} blocks asked, {RANGE_LIMIT} are allowed")));
    }
    for _ in 0..READ_ATTEMPTS {
        if let Some(blocks) = read_range(context, from, to)? {
            return Ok(blocks);
        }
    }
    Err(RpcError::Refused("the chain kept changing under the query; try again".to_owned()))
}

/// Reads without holding the chain's lock throughout; `None` when a reorg came in between.
fn read_range(
    context: &Context,
    from: u64,
    to: u64,
) -> Result<Option<Vec<Arc<MinedBlock>>>, RpcError> {
    let mut blocks: Vec<Arc<MinedBlock>> = Vec::new();
    for number in from..=to {
        let Some(block) = context.chain.block(number)? else { return Ok(None) };
        if blocks.last().is_some_and(|parent| block.header().parent_hash != parent.hash()) {
            return Ok(None);
        }
        blocks.push(block);
    }
    Ok(Some(blocks))
}

/// A bound of a range; absent means the newest block.
fn bound(context: &Context, tag: Option<BlockNumberOrTag>) -> Result<u64, RpcError> {
    let tag = tag.unwrap_or(BlockNumberOrTag::Latest);
    if let BlockNumberOrTag::Number(number) = tag {
        return Ok(number);
    }
    let chain = context.chain.lock();
    Ok(match find(&chain, BlockId::from(tag))? {
        Some(At::Number(number)) => number,
        _ => chain.blocks.head_number(),
    })
}

/// Filters that clients poll.
#[derive(Debug, Default)]
pub(super) struct Filters {
    filters: BTreeMap<u64, Polled>,
    next_id: u64,
    polls: u64,
}

#[derive(Debug)]
struct Polled {
    /// `None` reports block hashes.
    logs: Option<Filter>,
    updates: broadcast::Receiver<Arc<ChainUpdate>>,
    last_poll: u64,
}

impl Filters {
    fn add(&mut self, logs: Option<Filter>, updates: broadcast::Receiver<Arc<ChainUpdate>>) -> u64 {
        if self.filters.len() >= FILTER_LIMIT
            && let Some((oldest, _)) = self.filters.iter().min_by_key(|(_, f)| f.last_poll)
        {
            let oldest = *oldest;
            self.filters.remove(&oldest);
        }
        self.next_id += 1;
        self.polls += 1;
        let polled = Polled { logs, updates, last_poll: self.polls };
        self.filters.insert(self.next_id, polled);
        self.next_id
    }

    fn poll(&mut self, id: u64) -> Result<Vec<Value>, RpcError> {
        self.polls += 1;
        let filter = self.filters.get_mut(&id).ok_or_else(not_found)?;
        filter.last_poll = self.polls;
        let mut found = Vec::new();
        loop {
            match filter.updates.try_recv() {
                Ok(update) => found.extend(changed(filter.logs.as_ref(), &update)?),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(found),
                Err(TryRecvError::Lagged(_)) => {
                    self.filters.remove(&id);
                    let reason =
                        "the filter was polled too rarely and missed changes; add it again";
                    return Err(RpcError::Refused(reason.to_owned()));
                }
            }
        }
    }
}

fn not_found() -> RpcError {
    RpcError::Refused("filter not found".to_owned())
}

fn changed(logs: Option<&Filter>, update: &ChainUpdate) -> Result<Vec<Value>, RpcError> {
    match logs {
        None => update.committed.iter().map(|block| answer(&block.hash())).collect(),
        Some(filter) => logs_of(filter, update).iter().map(answer).collect(),
    }
}

/// Logs that went, newest first and marked removed, then logs that came.
pub(super) fn logs_of(filter: &Filter, update: &ChainUpdate) -> Vec<Log> {
    let gone = update.reverted.iter().flat_map(|block| {
        let mut logs = convert::logs(block, filter, true);
        logs.reverse();
        logs
    });
    let came = update.committed.iter().flat_map(|block| convert::logs(block, filter, false));
    gone.chain(came).collect()
}

fn new_filter(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let filter: Filter = args.need("filter", FILTER)?;
    let id = context.filters.lock().add(Some(filter), context.chain.updates());
    answer(&U256::from(id))
}

fn new_block_filter(context: &Context, _: &mut Args) -> Result<Value, RpcError> {
    let id = context.filters.lock().add(None, context.chain.updates());
    answer(&U256::from(id))
}

fn changes(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let id = args.need_number("filterId")?;
    Ok(Value::Array(context.filters.lock().poll(id)?))
}

fn filter_logs(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let id = args.need_number("filterId")?;
    let filter = context.filters.lock().filters.get(&id).and_then(|polled| polled.logs.clone());
    answer(&query(context, &filter.ok_or_else(not_found)?)?)
}

fn uninstall(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let id = args.need_number("filterId")?;
    Ok(Value::Bool(context.filters.lock().filters.remove(&id).is_some()))
}
