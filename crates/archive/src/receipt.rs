//! Receipts as the chain hashes them, of any type.

use crate::rlp::{Rlp, piece};
use alloy::{
    primitives::{Address, B256, Bloom, BloomInput, Bytes},
    rlp::Error,
};

/// An EIP-2718 receipt, read only as far as every type goes: status or root, gas, bloom, logs. What
/// stands behind the logs, as in OP-stack deposits (`0x7e`), is stepped over.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptView<'a> {
    bloom: &'a [u8; 256],
    logs: Rlp<'a>,
}

/// A log inside a receipt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogView<'a> {
    pub(crate) address: Address,
    topics: Rlp<'a>,
    data: &'a [u8],
}

impl<'a> ReceiptView<'a> {
    /// Reads a receipt.
    ///
    /// # Errors
    /// The bytes are not a receipt.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        // EIP-2718: a first byte below 0x80 is a type, above 0xbf the list of a legacy receipt.
        let list = match bytes.first() {
            None => return Err(Error::InputTooShort),
            Some(0..=0x7f) => &bytes[1..],
            Some(_) => bytes,
        };
        let mut fields = Rlp::only_list(list)?;
        fields.skip(2)?;
        Ok(Self { bloom: fields.array()?, logs: fields.list()? })
    }

    /// The bloom that the receipt carries.
    pub fn bloom(&self) -> Bloom {
        Bloom::from(self.bloom)
    }

    /// How many logs there are.
    ///
    /// # Errors
    /// The bytes are not a receipt.
    pub fn log_count(&self) -> Result<usize, Error> {
        let mut logs = self.logs;
        let mut count = 0;
        while !logs.is_empty() {
            logs.skip(1)?;
            count += 1;
        }
        Ok(count)
    }

    /// The bloom that the logs should give.
    ///
    /// # Errors
    /// The bytes are not a receipt.
    pub fn expected_bloom(&self) -> Result<Bloom, Error> {
        let mut bloom = Bloom::ZERO;
        self.each_log(|log| {
            bloom.accrue(BloomInput::Raw(log.address.as_slice()));
            let mut topics = log.topics;
            while !topics.is_empty() {
                bloom.accrue(BloomInput::Raw(topics.array::<32>()?));
            }
            Ok(())
        })?;
        Ok(bloom)
    }

    pub(crate) fn each_log(
        &self,
        mut take: impl FnMut(LogView<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut logs = self.logs;
        while !logs.is_empty() {
            let mut log = logs.list()?;
            let address = Address::from(log.array::<20>()?);
            let (topics, data) = (log.list()?, log.string()?);
            log.end()?;
            take(LogView { address, topics, data })?;
        }
        Ok(())
    }
}

impl LogView<'_> {
    pub(crate) fn topics(&self) -> Result<Vec<B256>, Error> {
        let mut rest = self.topics;
        // Four at most on every chain; 33 bytes each say how many without walking them.
        let mut topics = Vec::with_capacity(4);
        while !rest.is_empty() {
            topics.push(B256::from(rest.array::<32>()?));
        }
        Ok(topics)
    }

    pub(crate) fn data(&self, whole: &Bytes) -> Bytes {
        piece(whole, self.data)
    }
}
