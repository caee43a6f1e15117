//! `eth_call` and `eth_estimateGas`.

use super::{
    Context, Method, answer,
    error::RpcError,
    params::{Args, At, BLOCK, find},
};
use crate::chain::{Call, CallResult, Cheat, Overrides};
use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U64, U256},
    rpc::types::{
        BlockOverrides, TransactionRequest,
        state::{AccountOverride, StateOverride},
    },
};
use bmn_chain::CallOutcome;
use serde_json::Value;

const TRANSACTION: &str = "an object with to, from, data, value, gas and fees";
const STATE_OVERRIDES: &str =
    "an object of addresses with balance, nonce, code, state or stateDiff";
const BLOCK_OVERRIDES: &str = "an object with number, time or baseFee";

pub(super) const METHODS: &[Method] = &[
    Method { name: "eth_call", most: 4, run: call },
    Method { name: "eth_estimateGas", most: 4, run: estimate },
];

fn call(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let call = parse(context, args, BlockId::latest())?;
    let result = context.chain.call(&call)?;
    match &result.outcome {
        CallOutcome::Success(data) => answer(data),
        CallOutcome::Reverted(_) => Err(failed(result)),
    }
}

/// Estimates as the next block would run it unless another block is named.
fn estimate(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let call = parse(context, args, BlockId::pending())?;
    let (simulation, result) = context.chain.lock().estimate(&call)?;
    match simulation.outcome {
        CallOutcome::Success(_) => answer(&U64::from(simulation.gas)),
        CallOutcome::Reverted(_) => Err(failed(result)),
    }
}

fn failed(result: CallResult) -> RpcError {
    match (result.halt, result.outcome) {
        (Some(reason), _) => RpcError::Halted(reason),
        (None, CallOutcome::Reverted(data) | CallOutcome::Success(data)) => {
            RpcError::Reverted(data)
        }
    }
}

fn parse(context: &Context, args: &mut Args, default: BlockId) -> Result<Call, RpcError> {
    let request: TransactionRequest = args.need("transaction", TRANSACTION)?;
    let id = args.get("block", BLOCK)?.unwrap_or(default);
    let state: Option<StateOverride> = args.get("stateOverrides", STATE_OVERRIDES)?;
    let block: Option<BlockOverrides> = args.get("blockOverrides", BLOCK_OVERRIDES)?;
    let at = find(&context.chain.lock(), id)?;
    let block_number = match at {
        None => return Err(RpcError::Refused("header not found".to_owned())),
        Some(At::Pending) => None,
        Some(At::Number(number)) => Some(number),
    };
    Ok(Call {
        from: request.from.unwrap_or_default(),
        to: request.to.and_then(|kind| kind.to().copied()),
        value: request.value.unwrap_or_default(),
        data: request.input.into_input().unwrap_or_default(),
        gas: request.gas,
        gas_price: request.max_fee_per_gas.or(request.gas_price).unwrap_or_default(),
        access_list: request.access_list.unwrap_or_default(),
        block: block_number,
        overrides: overrides(state.unwrap_or_default(), block.unwrap_or_default())?,
    })
}

fn overrides(state: StateOverride, block: BlockOverrides) -> Result<Overrides, RpcError> {
    let unsupported = block.difficulty.is_some()
        || block.gas_limit.is_some()
        || block.coinbase.is_some()
        || block.random.is_some()
        || block.blob_base_fee.is_some()
        || block.block_hash.is_some();
    if unsupported {
        let found = "another field".to_owned();
        let name = "blockOverrides";
        return Err(RpcError::Param { name, accepted: BLOCK_OVERRIDES, found });
    }
    let mut overrides = Overrides {
        time: block.time,
        number: block.number.map(|number| small("blockOverrides.number", number)).transpose()?,
        base_fee: block.base_fee.map(|fee| small("blockOverrides.baseFee", fee)).transpose()?,
        ..Overrides::default()
    };
    for (account, change) in state {
        add_account(&mut overrides, account, change)?;
    }
    Ok(overrides)
}

fn small(name: &'static str, value: U256) -> Result<u64, RpcError> {
    let accepted = "a number below 2^64, in hex";
    u64::try_from(value).map_err(|_| RpcError::Param { name, accepted, found: value.to_string() })
}

fn add_account(
    overrides: &mut Overrides,
    account: Address,
    change: AccountOverride,
) -> Result<(), RpcError> {
    let wrong = |found: String| RpcError::Param {
        name: "stateOverrides",
        accepted: STATE_OVERRIDES,
        found,
    };
    if change.move_precompile_to.is_some() {
        return Err(wrong("movePrecompileToAddress".to_owned()));
    }
    overrides.accounts.extend(change.balance.map(|wei| Cheat::Balance(account, wei)));
    overrides.accounts.extend(change.nonce.map(|nonce| Cheat::Nonce(account, nonce)));
    if let Some(code) = change.code {
        crate::chain::check_code(&code).map_err(|error| wrong(error.to_string()))?;
        overrides.accounts.push(Cheat::Code(account, code));
    }
    if change.state.is_some() {
        overrides.cleared.push(account);
    }
    let slots = change.state.into_iter().chain(change.state_diff).flatten();
    let slot = |(slot, value): (B256, B256)| Cheat::Storage(account, slot.into(), value.into());
    overrides.accounts.extend(slots.map(slot));
    Ok(())
}
