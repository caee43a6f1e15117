//! One endpoint's view of the chain, checked for what can be checked.

use crate::{
    LogSelection,
    fault::Fault,
    pool::Pool,
    transport::Request,
    wire::{self, PlacedLog, WireHeader, WireLog, WireLogs},
};
use alloy::primitives::{B256, Bloom, BloomInput};
use bmn_chain::{Block, ChainLog, Header};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Reads through one endpoint, so that all parts of an answer are of one view.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) at: usize,
    pub(crate) selection: &'a LogSelection,
}

/// Where the endpoint stands.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) latest: Header,
    /// Number of the newest block that is final.
    pub(crate) finalized: Option<u64>,
    /// Its header, where it came along.
    pub(crate) final_header: Option<Header>,
    /// Its block at the cursor's number.
    pub(crate) at_cursor: Option<Header>,
}

/// Logs of a range by block, each with the hash the node gave.
pub(crate) type LogsByBlock = BTreeMap<u64, (B256, Vec<ChainLog>)>;

pub(crate) const LATEST: &str = "latest";
const FINALIZED: &str = "finalized";

fn by_number(number: u64) -> Value {
    json!([format!("{number:#x}"), false])
}

impl Reader<'_> {
    /// The head, the newest final block and the block at the cursor's number, in one batch.
    pub(crate) async fn position(
        &self,
        cursor: Option<u64>,
        finality_depth: u64,
    ) -> Result<Position, Fault> {
        const METHOD: &str = "eth_getBlockByNumber";
        let ask_final = self.pool.known(self.at, |known| known.finalized) != Some(false);
        let mut params = vec![json!([LATEST, false])];
        params.extend(cursor.map(by_number));
        params.extend(ask_final.then(|| json!([FINALIZED, false])));
        let requests: Vec<_> = params.into_iter().map(|it| Request::new(METHOD, it)).collect();
        let mut answers = self.pool.send(self.at, &requests).await?.into_iter();
        let mut next = || {
            let raw = answers.next().ok_or_else(|| Fault::Garbled("no answer".to_owned()))??;
            let header: Option<WireHeader> =
                self.pool.checked(self.at, wire::read(METHOD, &raw))?;
            Ok(header.map(Header::from))
        };
        let latest = next()?.ok_or_else(|| Fault::NotYet("it has no block".to_owned()))?;
        let at_cursor = match cursor {
            None => None,
            Some(number) => match next() {
                Err(Fault::NotYet(_)) => None,
                Err(Fault::Pruned { said, .. }) => {
                    return Err(Fault::Pruned { block: Some(number), said });
                }
                other => other?.filter(|header| header.number == number),
            },
        };
        let tagged = if ask_final { self.tagged(next())? } else { None };
        let deep = || latest.number.checked_sub(finality_depth);
        // A node that names a final block above its head gave the two at different moments.
        let tagged = tagged.map(|it| if it.number < latest.number { it } else { latest.clone() });
        let finalized = tagged.as_ref().map_or_else(deep, |tagged| Some(tagged.number));
        self.pool.saw_head(self.at, &latest);
        Ok(Position { latest, finalized, final_header: tagged, at_cursor })
    }

    /// What the `finalized` tag gave; `None` where the node does not know the tag, or no such block.
    fn tagged(&self, answer: Result<Option<Header>, Fault>) -> Result<Option<Header>, Fault> {
        match answer {
            Ok(header) => {
                self.pool.known(self.at, |known| known.finalized = Some(true));
                Ok(header)
            }
            Err(Fault::NotYet(_)) => Ok(None),
            Err(Fault::Refused(_) | Fault::Unsupported(_)) => {
                self.pool.known(self.at, |known| known.finalized = Some(false));
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Headers at these numbers; `None` where the endpoint has no block.
    pub(crate) async fn headers(&self, numbers: &[u64]) -> Result<Vec<Option<Header>>, Fault> {
        let params = numbers.iter().map(|number| by_number(*number)).collect();
        let found: Vec<Option<WireHeader>> =
            self.pool.ask_all(self.at, "eth_getBlockByNumber", params).await?;
        let found = found.into_iter().map(|header| header.map(Header::from));
        let checked = found.zip(numbers.iter().copied()).map(|(header, number)| match header {
            Some(header) if header.number != number => {
                Err(self.wrong(format!("asked for block {number}, got block {}", header.number)))
            }
            header => Ok(header),
        });
        checked.collect()
    }

    /// A contradiction, booked against the endpoint.
    pub(crate) fn wrong(&self, what: String) -> Fault {
        let fault = Fault::Inconsistent(what);
        self.pool.blame(self.at, &fault);
        fault
    }

    /// Log filters that together select what is wanted, to be completed with a place.
    pub(crate) fn filters(&self) -> Vec<Value> {
        if self.selection.is_everything() {
            return vec![json!({})];
        }
        let most = self.pool.limits.max_filter_items.max(1);
        let addresses = self.selection.addresses.chunks(most).map(|it| json!({ "address": it }));
        let topics = self.selection.topics_anywhere.chunks(most).map(|it| json!({"topics": [it]}));
        addresses.chain(topics).collect()
    }

    /// Logs of a range of blocks, by block, each with the hash the node gave.
    pub(crate) async fn logs_in(&self, from: u64, to: u64) -> Result<LogsByBlock, Fault> {
        let place = |mut filter: Value| {
            filter["fromBlock"] = json!(format!("{from:#x}"));
            filter["toBlock"] = json!(format!("{to:#x}"));
            json!([filter])
        };
        let params = self.filters().into_iter().map(place).collect();
        let found: Vec<Vec<WireLog>> = self.pool.ask_all(self.at, "eth_getLogs", params).await?;
        let mut blocks = BTreeMap::new();
        for placed in self.placed(found)? {
            if !(from..=to).contains(&placed.number) {
                let number = placed.number;
                return Err(self.wrong(format!("a log of block {number} among {from} to {to}")));
            }
            let (hash, logs) = blocks.entry(placed.number).or_insert((placed.block, vec![]));
            if *hash != placed.block {
                let number = placed.number;
                return Err(self.wrong(format!("logs of two blocks with the number {number}")));
            }
            logs.push(placed.log);
        }
        for (hash, logs) in blocks.values_mut() {
            *logs = self.in_order(*hash, std::mem::take(logs))?;
        }
        Ok(blocks)
    }

    fn placed(&self, found: Vec<Vec<WireLog>>) -> Result<Vec<PlacedLog>, Fault> {
        let mut placed = Vec::new();
        for log in found.into_iter().flatten() {
            let log = self.pool.checked(self.at, PlacedLog::try_from(log))?;
            if !self.selection.matches(&log.log) {
                let (block, index) = (log.block, log.log.log_index);
                return Err(self.wrong(format!("log {index} of {block} was not asked for")));
            }
            placed.push(log);
        }
        Ok(placed)
    }

    /// Sorts, and drops what two filters found.
    fn in_order(&self, block: B256, mut logs: Vec<ChainLog>) -> Result<Vec<ChainLog>, Fault> {
        logs.sort_by_key(|log| log.log_index);
        logs.dedup();
        let twice = logs.windows(2).find(|pair| pair[0].log_index == pair[1].log_index);
        match twice {
            Some(pair) => Err(self.wrong(format!("two logs {} in {block}", pair[0].log_index))),
            None => Ok(logs),
        }
    }

    /// Joins a header and its logs, which must fit its bloom.
    pub(crate) fn block(&self, header: Header, logs: Vec<ChainLog>) -> Result<Block, Fault> {
        let missing = logs.iter().find(|log| !holds(&header.logs_bloom, log));
        match missing {
            Some(log) => Err(self.wrong(format!(
                "log {} of block {} is not in its bloom",
                log.log_index, header.number
            ))),
            None => Ok(Block { header, logs }),
        }
    }

    /// The blocks of these headers with their logs. A header whose bloom rules our logs out costs no
    /// call.
    pub(crate) async fn blocks(&self, headers: Vec<Header>) -> Result<Vec<Block>, Fault> {
        let wanted: Vec<_> =
            headers.iter().filter(|it| self.selection.may_match(&it.logs_bloom)).cloned().collect();
        let receipts = self.filters().len() >= self.pool.limits.max_log_filters.max(2);
        let mut logs = if wanted.is_empty() {
            BTreeMap::new()
        } else if receipts {
            match self.logs_by_receipts(&wanted).await {
                Err(Fault::Unsupported(_)) => self.logs_by_hash(&wanted).await?,
                other => other?,
            }
        } else {
            match self.logs_by_hash(&wanted).await {
                Err(
                    Fault::Refused(_)
                    | Fault::Unsupported(_)
                    | Fault::TooWide { .. }
                    | Fault::TooMuch { .. },
                ) => self.logs_by_receipts(&wanted).await?,
                other => other?,
            }
        };
        let join = |header: Header| {
            let logs = logs.remove(&header.number).unwrap_or_default();
            self.block(header, logs)
        };
        headers.into_iter().map(join).collect()
    }

    async fn logs_by_hash(
        &self,
        headers: &[Header],
    ) -> Result<BTreeMap<u64, Vec<ChainLog>>, Fault> {
        let mut all = self.ask_by_hash(headers).await?;
        let empty = |it: &&Header| all.get(&it.number).is_none_or(Vec::is_empty);
        let doubtful: Vec<_> = headers.iter().filter(empty).cloned().collect();
        if !doubtful.is_empty() {
            // A node that does not have the block says "no logs", too. Only one that has the block
            // is believed.
            self.has_blocks(&doubtful).await?;
            all.extend(self.ask_by_hash(&doubtful).await?);
        }
        Ok(all)
    }

    async fn ask_by_hash(&self, headers: &[Header]) -> Result<BTreeMap<u64, Vec<ChainLog>>, Fault> {
        let filters = self.filters();
        let place = |header: &Header| {
            let hash = header.hash;
            let at = move |mut filter: Value| {
                filter["blockHash"] = json!(hash);
                json!([filter])
            };
            filters.clone().into_iter().map(at)
        };
        let params = headers.iter().flat_map(place).collect();
        let found: Vec<Vec<WireLog>> = self.pool.ask_all(self.at, "eth_getLogs", params).await?;
        let mut found = found.into_iter();
        let mut all = BTreeMap::new();
        for header in headers {
            let of_block = found.by_ref().take(filters.len()).collect();
            let logs = self.of_block(header, self.placed(of_block)?)?;
            if self.selection.is_everything() && !logs.is_empty() {
                self.complete(header, &logs)?;
            }
            all.insert(header.number, logs);
        }
        Ok(all)
    }

    fn of_block(&self, header: &Header, logs: Vec<PlacedLog>) -> Result<Vec<ChainLog>, Fault> {
        let stranger = |it: &&PlacedLog| it.block != header.hash || it.number != header.number;
        if let Some(log) = logs.iter().find(stranger) {
            let (number, other) = (header.number, log.block);
            return Err(self.wrong(format!("a log of block {other} among those of {number}")));
        }
        self.in_order(header.hash, logs.into_iter().map(|it| it.log).collect())
    }

    async fn has_blocks(&self, headers: &[Header]) -> Result<(), Fault> {
        let params = headers.iter().map(|header| json!([header.hash, false])).collect();
        let found: Vec<Option<WireHeader>> =
            self.pool.ask_all(self.at, "eth_getBlockByHash", params).await?;
        for (header, found) in headers.iter().zip(found) {
            let number = header.number;
            let found =
                found.ok_or_else(|| Fault::NotYet(format!("block {number} by its hash")))?;
            if Header::from(found) != *header {
                return Err(self.wrong(format!("block {number} by number and by hash differ")));
            }
        }
        Ok(())
    }

    /// All receipts of each block; every log counts, so the bloom must come out exactly.
    async fn logs_by_receipts(
        &self,
        headers: &[Header],
    ) -> Result<BTreeMap<u64, Vec<ChainLog>>, Fault> {
        let params = headers.iter().map(|header| json!([header.hash])).collect();
        let found: Vec<Option<Vec<WireLogs>>> =
            self.pool.ask_all(self.at, "eth_getBlockReceipts", params).await?;
        let mut all = BTreeMap::new();
        for (header, receipts) in headers.iter().zip(found) {
            let number = header.number;
            let absent = || Fault::NotYet(format!("receipts of block {number}"));
            let receipts = receipts.ok_or_else(absent)?;
            if receipts.is_empty() {
                return Err(absent());
            }
            let logs = receipts.into_iter().flat_map(|receipt| receipt.logs);
            let logs: Result<Vec<_>, _> = logs.map(PlacedLog::try_from).collect();
            let mut logs = self.of_block(header, self.pool.checked(self.at, logs)?)?;
            self.complete(header, &logs)?;
            logs.retain(|log| self.selection.matches(log));
            all.insert(number, logs);
        }
        Ok(all)
    }

    fn complete(&self, header: &Header, logs: &[ChainLog]) -> Result<(), Fault> {
        let mut bloom = Bloom::ZERO;
        for log in logs {
            for raw in items(log) {
                bloom.accrue(BloomInput::Raw(raw));
            }
        }
        if bloom == header.logs_bloom {
            return Ok(());
        }
        Err(self.wrong(format!("the logs of block {} do not make up its bloom", header.number)))
    }
}

fn items(log: &ChainLog) -> impl Iterator<Item = &[u8]> {
    std::iter::once(log.address.as_slice()).chain(log.topics.iter().map(B256::as_slice))
}

pub(crate) fn holds(bloom: &Bloom, log: &ChainLog) -> bool {
    items(log).all(|raw| bloom.contains_input(BloomInput::Raw(raw)))
}
