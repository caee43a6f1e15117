//! What a file holds: blocks, and rollbacks of blocks.

use crate::{
    receipt::ReceiptView,
    rlp::{Rlp, list},
};
use alloy::{
    primitives::{B256, Bloom, Bytes},
    rlp::{Encodable, Error},
};
use bmn_chain::{Block, ChainLog, Header};
use bmn_primitives::BlockRef;

const BLOCK: u64 = 0;
const ROLLBACK: u64 = 1;
const HEADER_UNVERIFIED: u64 = 1;
const RECEIPTS_UNVERIFIED: u64 = 2;

/// What cannot be checked in a block, because its chain hashes fields that its node does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trust {
    /// The header's bytes do not hash to the block's hash.
    pub header_unverified: bool,
    /// The receipts' bytes do not give the header's receipts root.
    pub receipts_unverified: bool,
}

/// A transaction's receipt, in the block's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedReceipt {
    /// Hash of the transaction.
    pub tx_hash: B256,
    /// EIP-2718 bytes.
    pub receipt: Bytes,
}

/// A block as the chain hashes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedBlock {
    /// The block's hash.
    pub hash: B256,
    /// The header's RLP.
    pub header: Bytes,
    /// Every receipt.
    pub receipts: Vec<ArchivedReceipt>,
    /// What cannot be checked.
    pub trust: Trust,
}

/// Blocks that left the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// Newest first, starting at the tip.
    pub reverted: Vec<BlockRef>,
    /// How many of the blocks that follow took their place in the same event.
    pub replaced_by: u64,
}

/// One entry of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A block on top of the one before.
    Block(ArchivedBlock),
    /// Blocks that left.
    Rollback(Rollback),
}

impl ArchivedBlock {
    /// What the header says, and the block's hash.
    ///
    /// # Errors
    /// The bytes are no header.
    pub fn header_view(&self) -> Result<Header, Error> {
        let mut fields = Rlp::only_list(&self.header)?;
        let parent_hash = B256::from(fields.array()?);
        fields.skip(4)?;
        let receipts_root = B256::from(fields.array()?);
        let logs_bloom = Bloom::from(fields.array::<256>()?);
        fields.skip(1)?;
        let number = fields.uint()?;
        fields.skip(2)?;
        let timestamp = fields.uint()?;
        fields.skip(3)?;
        let base_fee = if fields.is_empty() { None } else { Some(fields.uint()?) };
        Ok(Header {
            number,
            hash: self.hash,
            parent_hash,
            timestamp,
            logs_bloom,
            receipts_root,
            base_fee,
        })
    }

    /// Every log, in block order. The data shares the file's buffer.
    ///
    /// # Errors
    /// The bytes are no receipts.
    pub fn logs(&self) -> Result<Vec<ChainLog>, Error> {
        let mut logs = Vec::new();
        for (tx_index, ArchivedReceipt { tx_hash, receipt }) in (0..).zip(&self.receipts) {
            ReceiptView::new(receipt)?.each_log(|log| {
                let log_index = u32::try_from(logs.len()).map_err(|_| Error::Overflow)?;
                logs.push(ChainLog {
                    address: log.address,
                    topics: log.topics()?,
                    data: log.data(receipt),
                    tx_hash: *tx_hash,
                    tx_index,
                    log_index,
                });
                Ok(())
            })?;
        }
        Ok(logs)
    }

    /// How many logs there are.
    ///
    /// # Errors
    /// The bytes are no receipts.
    pub fn log_count(&self) -> Result<u64, Error> {
        let mut count = 0;
        for receipt in &self.receipts {
            count += ReceiptView::new(&receipt.receipt)?.log_count()? as u64;
        }
        Ok(count)
    }

    /// The block as the index takes it.
    ///
    /// # Errors
    /// The bytes are no header or no receipts.
    pub fn block(&self) -> Result<Block, Error> {
        Ok(Block { header: self.header_view()?, logs: self.logs()? })
    }
}

impl Record {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        list(out, |out| match self {
            Self::Block(block) => {
                BLOCK.encode(out);
                let Trust { header_unverified, receipts_unverified } = block.trust;
                (u64::from(header_unverified) * HEADER_UNVERIFIED
                    + u64::from(receipts_unverified) * RECEIPTS_UNVERIFIED)
                    .encode(out);
                block.hash.encode(out);
                block.header.encode(out);
                list(out, |out| {
                    for receipt in &block.receipts {
                        receipt.tx_hash.encode(out);
                        receipt.receipt.encode(out);
                    }
                });
            }
            Self::Rollback(rollback) => {
                ROLLBACK.encode(out);
                rollback.replaced_by.encode(out);
                list(out, |out| {
                    for block in &rollback.reverted {
                        encode_ref(block, out);
                    }
                });
            }
        });
    }

    /// Reads the next record of a frame's contents.
    pub(crate) fn decode(rest: &mut Rlp<'_>, whole: &Bytes) -> Result<Self, Error> {
        let mut fields = rest.list()?;
        let record = match fields.uint()? {
            BLOCK => {
                let trust = decode_trust(fields.uint()?)?;
                let hash = B256::from(fields.array()?);
                let header = fields.bytes_of(whole)?;
                let mut items = fields.list()?;
                let mut receipts = Vec::new();
                while !items.is_empty() {
                    let tx_hash = B256::from(items.array()?);
                    receipts.push(ArchivedReceipt { tx_hash, receipt: items.bytes_of(whole)? });
                }
                Self::Block(ArchivedBlock { hash, header, receipts, trust })
            }
            ROLLBACK => {
                let replaced_by = fields.uint()?;
                let mut items = fields.list()?;
                let mut reverted = Vec::new();
                while !items.is_empty() {
                    reverted.push(decode_ref(&mut items)?);
                }
                Self::Rollback(Rollback { reverted, replaced_by })
            }
            _ => return Err(Error::Custom("a kind of record that this format does not have")),
        };
        fields.end()?;
        Ok(record)
    }
}

const fn decode_trust(bits: u64) -> Result<Trust, Error> {
    if bits > (HEADER_UNVERIFIED | RECEIPTS_UNVERIFIED) {
        return Err(Error::Custom("flags that this format does not have"));
    }
    Ok(Trust {
        header_unverified: bits & HEADER_UNVERIFIED != 0,
        receipts_unverified: bits & RECEIPTS_UNVERIFIED != 0,
    })
}

pub(crate) fn encode_ref(block: &BlockRef, out: &mut Vec<u8>) {
    list(out, |out| {
        block.number.encode(out);
        block.hash.encode(out);
        block.time.encode(out);
    });
}

pub(crate) fn decode_ref(items: &mut Rlp<'_>) -> Result<BlockRef, Error> {
    let mut fields = items.list()?;
    let number = fields.uint()?;
    let hash = B256::from(fields.array()?);
    let time = fields.uint()?;
    fields.end()?;
    Ok(BlockRef { number, hash, time })
}
