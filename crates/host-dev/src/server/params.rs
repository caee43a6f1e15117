//! Reading parameters, with errors that name them.

use super::error::RpcError;
use crate::chain::{Chain, State};
use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, U256},
};
use jsonrpsee::types::Params;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Longest piece of a wrong parameter that an error repeats, in characters.
const QUOTE_LIMIT: usize = 80;

pub(super) const BLOCK: &str =
    "a block number in hex, latest, pending, safe, finalized, earliest or {\"blockHash\": …}";

/// The parameters of one request, taken in order.
pub(super) struct Args {
    values: std::vec::IntoIter<Value>,
}

impl Args {
    /// `most`: parameters the method has.
    pub(super) fn new(params: &Params<'_>, most: usize) -> Result<Self, RpcError> {
        let text = params.as_str().unwrap_or("[]");
        let values: Vec<Value> = serde_json::from_str(text).map_err(|_| RpcError::Param {
            name: "params",
            accepted: "an array",
            found: quote(text),
        })?;
        if values.len() > most {
            return Err(RpcError::TooMany { most, found: values.len() });
        }
        Ok(Self { values: values.into_iter() })
    }

    pub(super) fn need<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        accepted: &'static str,
    ) -> Result<T, RpcError> {
        self.get(name, accepted)?.ok_or_else(|| RpcError::Param {
            name,
            accepted,
            found: "nothing".to_owned(),
        })
    }

    /// Null counts as absent.
    pub(super) fn get<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        accepted: &'static str,
    ) -> Result<Option<T>, RpcError> {
        match self.values.next() {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let found = quote(&value.to_string());
                let wrong = |_| RpcError::Param { name, accepted, found };
                serde_json::from_value(value).map(Some).map_err(wrong)
            }
        }
    }

    pub(super) fn address(&mut self) -> Result<Address, RpcError> {
        self.need("address", "20 bytes in hex")
    }

    pub(super) fn hash(&mut self, name: &'static str) -> Result<B256, RpcError> {
        self.need(name, "32 bytes in hex")
    }

    /// A block; the newest when absent.
    pub(super) fn block(&mut self) -> Result<BlockId, RpcError> {
        Ok(self.get("block", BLOCK)?.unwrap_or_else(BlockId::latest))
    }

    pub(super) fn tag(&mut self) -> Result<BlockNumberOrTag, RpcError> {
        let accepted = "a block number in hex, latest, pending, safe, finalized or earliest";
        self.need("block", accepted)
    }

    /// A number as hex string, decimal string or JSON number.
    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<u64>, RpcError> {
        let accepted = "a number below 2^64, in hex or decimal";
        let Some(value) = self.get::<Value>(name, accepted)? else { return Ok(None) };
        let found = quote(&value.to_string());
        parse_number(&value).map(Some).ok_or(RpcError::Param { name, accepted, found })
    }

    pub(super) fn need_number(&mut self, name: &'static str) -> Result<u64, RpcError> {
        let missing = || RpcError::Param {
            name,
            accepted: "a number below 2^64, in hex or decimal",
            found: "nothing".to_owned(),
        };
        self.number(name)?.ok_or_else(missing)
    }

    /// A storage slot or amount.
    pub(super) fn word(&mut self, name: &'static str) -> Result<U256, RpcError> {
        self.need(name, "a number of up to 32 bytes in hex")
    }
}

pub(super) fn parse_number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        },
        _ => None,
    }
}

pub(super) fn quote(text: &str) -> String {
    if text.chars().count() <= QUOTE_LIMIT {
        return text.to_owned();
    }
    text.chars().take(QUOTE_LIMIT).chain(['…']).collect()
}

/// Where a block parameter points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The block after the head.
    Pending,
    Number(u64),
}

/// Finds the block; `None` when there is none.
pub(super) fn find(chain: &Chain, block: BlockId) -> Result<Option<At>, RpcError> {
    let head = chain.blocks.head_number();
    let tag = match block {
        BlockId::Hash(hash) => {
            let block = chain.blocks.by_hash(&hash.block_hash)?;
            return Ok(block.map(|block| At::Number(block.header().number)));
        }
        BlockId::Number(tag) => tag,
    };
    Ok(match tag {
        BlockNumberOrTag::Latest => Some(At::Number(head)),
        BlockNumberOrTag::Pending => Some(At::Pending),
        BlockNumberOrTag::Safe | BlockNumberOrTag::Finalized => {
            Some(At::Number(chain.tip.finalized))
        }
        BlockNumberOrTag::Earliest => Some(At::Number(0)),
        BlockNumberOrTag::Number(number) => (number <= head).then_some(At::Number(number)),
    })
}

/// The state after a block; changes by the developer show at once in the newest.
pub(super) fn state(chain: &Chain, block: BlockId) -> Result<State, RpcError> {
    let head = chain.blocks.head_number();
    match find(chain, block)? {
        None => Err(RpcError::Refused("header not found".to_owned())),
        Some(At::Number(number)) if number != head => {
            let missing = crate::DevChainError::NoState { number, history: chain.config.history };
            Ok(chain.blocks.state_at(number).cloned().ok_or(missing)?)
        }
        Some(_) => Ok(chain.tip.state.clone()),
    }
}
