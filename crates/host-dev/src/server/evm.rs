//! `evm_*` and `anvil_*`: what only a development chain can do.

use super::{
    Context, Method, answer,
    error::RpcError,
    params::{Args, parse_number},
};
use crate::{DevChainError, MiningMode, Replacement};
use alloy::primitives::{B256, Bytes, U64, U256};
use serde_json::{Value, json};
use std::time::Duration;

/// Blocks one request mines at most.
const MINE_LIMIT: u64 = 10_000;

pub(super) const METHODS: &[Method] = &[
    Method { name: "evm_mine", most: 1, run: mine_one },
    Method { name: "anvil_mine", most: 2, run: mine_many },
    Method { name: "evm_increaseTime", most: 1, run: increase_time },
    Method { name: "evm_setNextBlockTimestamp", most: 1, run: next_timestamp },
    Method { name: "evm_setAutomine", most: 1, run: set_automine },
    Method { name: "evm_setIntervalMining", most: 1, run: set_interval },
    Method { name: "evm_snapshot", most: 0, run: snapshot },
    Method { name: "evm_revert", most: 1, run: revert },
    Method { name: "anvil_snapshot", most: 0, run: snapshot },
    Method { name: "anvil_revert", most: 1, run: revert },
    Method { name: "anvil_reorg", most: 2, run: reorg },
    Method { name: "anvil_setBalance", most: 2, run: set_balance },
    Method { name: "anvil_setNonce", most: 2, run: set_nonce },
    Method { name: "anvil_setCode", most: 2, run: set_code },
    Method { name: "anvil_setStorageAt", most: 3, run: set_storage },
    Method { name: "anvil_setNextBlockBaseFeePerGas", most: 1, run: next_base_fee },
    Method { name: "anvil_dropTransaction", most: 1, run: drop_transaction },
];

fn mine_one(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let accepted = "a timestamp in seconds or {\"timestamp\": …}";
    let given: Option<Value> = args.get("timestamp", accepted)?;
    let given = given.map(|value| match value {
        Value::Object(mut fields) => fields.remove("timestamp").unwrap_or_default(),
        other => other,
    });
    match given.filter(|value| !value.is_null()) {
        None => context.pace.mine()?,
        Some(value) => {
            let found = super::params::quote(&value.to_string());
            let wrong = RpcError::Param { name: "timestamp", accepted, found };
            let time = parse_number(&value).ok_or(wrong)?;
            context.pace.jump_to(time)?;
            context.pace.mine()?
        }
    };
    Ok(json!("0x0"))
}

fn mine_many(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let blocks = args.number("blocks")?.unwrap_or(1);
    // Clients that were given no interval send zero.
    let interval = args.number("interval")?.filter(|seconds| *seconds > 0);
    if blocks > MINE_LIMIT {
        let found = blocks.to_string();
        return Err(RpcError::Param { name: "blocks", accepted: "at most 10000", found });
    }
    for index in 0..blocks {
        if let Some(seconds) = interval.filter(|_| index > 0) {
            let head = context.chain.head().time;
            context.pace.jump_to(head.saturating_add(seconds))?;
        }
        context.pace.mine()?;
    }
    Ok(Value::Null)
}

fn increase_time(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let seconds = args.need_number("seconds")?;
    context.pace.increase(seconds)?;
    Ok(json!(seconds))
}

fn next_timestamp(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    context.pace.jump_to(args.need_number("timestamp")?)?;
    Ok(Value::Null)
}

fn set_automine(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let on: bool = args.need("enabled", "true or false")?;
    context.set_mode(if on { MiningMode::Auto } else { MiningMode::Manual });
    Ok(Value::Null)
}

/// Zero stops it.
fn set_interval(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    context.set_mode(match args.need_number("seconds")? {
        0 => MiningMode::Manual,
        seconds => MiningMode::Interval(Duration::from_secs(seconds)),
    });
    Ok(Value::Null)
}

fn snapshot(context: &Context, _: &mut Args) -> Result<Value, RpcError> {
    answer(&U64::from(context.chain.snapshot()?))
}

fn revert(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    match context.pace.revert(args.need_number("snapshotId")?) {
        Ok(()) => Ok(Value::Bool(true)),
        Err(DevChainError::UnknownSnapshot(_)) => Ok(Value::Bool(false)),
        Err(error) => Err(error.into()),
    }
}

/// Replaced blocks keep their transactions; other contents are for code that holds the chain.
fn reorg(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let depth = args.need_number("depth")?;
    let accepted = "empty: replaced blocks keep their transactions";
    let pairs: Option<Vec<Value>> = args.get("txBlockPairs", accepted)?;
    if pairs.is_some_and(|pairs| !pairs.is_empty()) {
        let found = "transactions".to_owned();
        return Err(RpcError::Param { name: "txBlockPairs", accepted, found });
    }
    context.chain.reorg(depth, &Replacement::default())?;
    Ok(Value::Null)
}

fn set_balance(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    context.chain.set_balance(args.address()?, args.word("balance")?)?;
    Ok(Value::Null)
}

fn set_nonce(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    context.chain.set_nonce(args.address()?, args.need_number("nonce")?)?;
    Ok(Value::Null)
}

fn set_code(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let account = args.address()?;
    let code: Bytes = args.need("code", "bytes in hex")?;
    context.chain.set_code(account, code)?;
    Ok(Value::Null)
}

fn set_storage(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let (account, slot) = (args.address()?, args.word("slot")?);
    let value: B256 = args.hash("value")?;
    context.chain.set_storage(account, slot, U256::from_be_bytes(value.0))?;
    Ok(Value::Bool(true))
}

fn next_base_fee(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    context.chain.set_next_base_fee(args.need_number("baseFee")?)?;
    Ok(Value::Null)
}

fn drop_transaction(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let hash = args.hash("transactionHash")?;
    match context.chain.pool_drop(hash) {
        Ok(()) => answer(&hash),
        Err(DevChainError::NotPooled(_)) => Ok(Value::Null),
        Err(error) => Err(error.into()),
    }
}
