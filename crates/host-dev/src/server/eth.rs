//! `eth_*`, `net_*`, `web3_*` and `txpool_*`: reading, and sending transactions.

use super::{
    Context, Method, answer, convert,
    error::RpcError,
    logs,
    params::{Args, At, find, state},
};
use crate::chain::MinedBlock;
use alloy::{
    consensus::Transaction as _,
    eips::BlockId,
    primitives::{B256, Bytes, U64, U256},
    rpc::types::FeeHistory,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Blocks one `eth_feeHistory` answers at most.
const FEE_HISTORY_LIMIT: u64 = 1024;
/// Percentiles one `eth_feeHistory` takes at most.
const PERCENTILE_LIMIT: usize = 100;

pub(super) const METHODS: &[Method] = &[
    Method { name: "web3_clientVersion", most: 0, run: client_version },
    Method { name: "net_version", most: 0, run: net_version },
    Method { name: "net_listening", most: 0, run: |_, _| Ok(Value::Bool(true)) },
    Method { name: "eth_chainId", most: 0, run: chain_id },
    Method { name: "eth_syncing", most: 0, run: |_, _| Ok(Value::Bool(false)) },
    Method { name: "eth_accounts", most: 0, run: accounts },
    Method { name: "eth_blockNumber", most: 0, run: block_number },
    Method { name: "eth_getBlockByNumber", most: 2, run: block_by_number },
    Method { name: "eth_getBlockByHash", most: 2, run: block_by_hash },
    Method { name: "eth_getBlockReceipts", most: 1, run: block_receipts },
    Method { name: "eth_getBlockTransactionCountByNumber", most: 1, run: tx_count_by_number },
    Method { name: "eth_getBlockTransactionCountByHash", most: 1, run: tx_count_by_hash },
    Method { name: "eth_getTransactionByHash", most: 1, run: tx_by_hash },
    Method { name: "eth_getTransactionByBlockNumberAndIndex", most: 2, run: tx_in_number },
    Method { name: "eth_getTransactionByBlockHashAndIndex", most: 2, run: tx_in_hash },
    Method { name: "eth_getTransactionReceipt", most: 1, run: receipt },
    Method { name: "eth_getTransactionCount", most: 2, run: tx_count },
    Method { name: "eth_getBalance", most: 2, run: balance },
    Method { name: "eth_getCode", most: 2, run: code },
    Method { name: "eth_getStorageAt", most: 3, run: storage },
    Method { name: "eth_gasPrice", most: 0, run: gas_price },
    Method { name: "eth_maxPriorityFeePerGas", most: 0, run: priority_fee },
    Method { name: "eth_blobBaseFee", most: 0, run: |_, _| answer(&U64::from(1)) },
    Method { name: "eth_feeHistory", most: 3, run: fee_history },
    Method { name: "eth_sendRawTransaction", most: 1, run: send_raw },
    Method { name: "eth_getLogs", most: 1, run: logs::get },
    Method { name: "txpool_status", most: 0, run: pool_status },
];

fn client_version(_: &Context, _: &mut Args) -> Result<Value, RpcError> {
    Ok(json!(concat!("bmn-host-dev/", env!("CARGO_PKG_VERSION"))))
}

fn net_version(context: &Context, _: &mut Args) -> Result<Value, RpcError> {
    Ok(json!(context.chain.chain_id().to_string()))
}

fn chain_id(context: &Context, _: &mut Args) -> Result<Value, RpcError> {
    answer(&U64::from(context.chain.chain_id().0))
}

fn accounts(context: &Context, _: &mut Args) -> Result<Value, RpcError> {
    let config = context.chain.config();
    answer(&config.accounts.iter().map(|(account, _)| *account).collect::<Vec<_>>())
}

fn block_number(context: &Context, _: &mut Args) -> Result<Value, RpcError> {
    answer(&U64::from(context.chain.head().number))
}

/// The block, which for `pending` is made up on the spot.
fn block_at(context: &Context, id: BlockId) -> Result<Option<Arc<MinedBlock>>, RpcError> {
    let chain = context.chain.lock();
    match find(&chain, id)? {
        None => Ok(None),
        Some(At::Pending) => Ok(Some(chain.preview()?)),
        Some(At::Number(number)) => Ok(chain.blocks.at(number)?),
    }
}

fn block_by_number(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let id = args.tag()?.into();
    block(context, id, args)
}

fn block_by_hash(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let id = args.hash("blockHash")?.into();
    block(context, id, args)
}

fn block(context: &Context, id: BlockId, args: &mut Args) -> Result<Value, RpcError> {
    let full: Option<bool> = args.get("full", "true or false")?;
    let block = block_at(context, id)?;
    answer(&block.map(|block| convert::block(&block, full.unwrap_or_default())))
}

fn block_receipts(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let Some(block) = block_at(context, args.block()?)? else { return Ok(Value::Null) };
    let receipts = (0..block.txs().len()).filter_map(|index| convert::receipt(&block, index));
    answer(&receipts.collect::<Vec<_>>())
}

fn tx_count_by_number(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let block = block_at(context, args.tag()?.into())?;
    answer(&block.map(|block| U64::from(block.txs().len())))
}

fn tx_count_by_hash(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let block = block_at(context, args.hash("blockHash")?.into())?;
    answer(&block.map(|block| U64::from(block.txs().len())))
}

fn tx_by_hash(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let hash = args.hash("transactionHash")?;
    let chain = context.chain.lock();
    if let Some((block, index)) = chain.blocks.find_tx(&hash)? {
        return answer(&convert::transaction(&block, index));
    }
    answer(&chain.tip.pool.get(&hash).map(|pooled| convert::pending_transaction(&pooled.tx)))
}

fn tx_in_number(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let id = args.tag()?.into();
    tx_in(context, id, args)
}

fn tx_in_hash(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let id = args.hash("blockHash")?.into();
    tx_in(context, id, args)
}

fn tx_in(context: &Context, id: BlockId, args: &mut Args) -> Result<Value, RpcError> {
    let index = usize::try_from(args.need_number("index")?).unwrap_or(usize::MAX);
    let block = block_at(context, id)?;
    answer(&block.and_then(|block| convert::transaction(&block, index)))
}

fn receipt(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let found = context.chain.transaction(args.hash("transactionHash")?)?;
    answer(&found.and_then(|(block, index)| convert::receipt(&block, index)))
}

fn tx_count(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let (account, id) = (args.address()?, args.block()?);
    let chain = context.chain.lock();
    let mut nonce = state(&chain, id)?.nonce(&account);
    if id.is_pending() {
        nonce = chain.tip.pool.pending_nonce(account, nonce);
    }
    answer(&U64::from(nonce))
}

fn balance(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let (account, id) = (args.address()?, args.block()?);
    answer(&state(&context.chain.lock(), id)?.balance(&account))
}

fn code(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let (account, id) = (args.address()?, args.block()?);
    answer(&state(&context.chain.lock(), id)?.code(&account))
}

fn storage(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let (account, slot, id) = (args.address()?, args.word("slot")?, args.block()?);
    let value = state(&context.chain.lock(), id)?.storage(&account, slot);
    answer(&B256::from(value))
}

fn gas_price(context: &Context, _: &mut Args) -> Result<Value, RpcError> {
    let fees = context.chain.fees();
    answer(&U256::from(fees.base.saturating_add(fees.priority)))
}

fn priority_fee(context: &Context, _: &mut Args) -> Result<Value, RpcError> {
    answer(&U256::from(context.chain.fees().priority))
}

fn send_raw(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let raw: Bytes = args.need("transaction", "a signed EIP-2718 transaction in hex")?;
    answer(&context.chain.submit_raw(&raw)?)
}

fn pool_status(context: &Context, _: &mut Args) -> Result<Value, RpcError> {
    let pooled = context.chain.pooled();
    let pending = pooled.iter().filter(|pooled| pooled.executable).count();
    let queued = pooled.len() - pending;
    answer(&json!({ "pending": U64::from(pending), "queued": U64::from(queued) }))
}

fn fee_history(context: &Context, args: &mut Args) -> Result<Value, RpcError> {
    let count = args.need_number("blockCount")?.min(FEE_HISTORY_LIMIT);
    let id = BlockId::from(args.tag()?);
    let accepted = "up to 100 rising numbers from 0 to 100";
    let percentiles: Option<Vec<f64>> = args.get("rewardPercentiles", accepted)?;
    if let Some(given) = &percentiles {
        let rising = given.windows(2).all(|pair| pair[0] <= pair[1]);
        let valid = rising && given.iter().all(|value| (0.0..=100.0).contains(value));
        if !valid || given.len() > PERCENTILE_LIMIT {
            let found = super::params::quote(&format!("{given:?}"));
            return Err(RpcError::Param { name: "rewardPercentiles", accepted, found });
        }
    }
    let chain = context.chain.lock();
    let newest = match find(&chain, id)? {
        None => return Err(RpcError::Refused("header not found".to_owned())),
        Some(At::Pending) => chain.blocks.head_number(),
        Some(At::Number(number)) => number,
    };
    let oldest = (newest + 1).saturating_sub(count);
    let mut blocks = Vec::new();
    for number in oldest..=newest {
        blocks.extend(chain.blocks.at(number)?);
    }
    let next = match chain.blocks.at(newest + 1)? {
        Some(block) => base_fee(&block),
        None => chain.next_base_fee().into(),
    };
    drop(chain);
    answer(&history_of(&blocks, oldest, next, percentiles.as_deref()))
}

fn base_fee(block: &MinedBlock) -> u128 {
    block.header().base_fee_per_gas.unwrap_or_default().into()
}

fn history_of(
    blocks: &[Arc<MinedBlock>],
    oldest_block: u64,
    next_base_fee: u128,
    percentiles: Option<&[f64]>,
) -> FeeHistory {
    let fees = blocks.iter().map(|block| base_fee(block)).chain([next_base_fee]);
    let ratio = |block: &Arc<MinedBlock>| {
        block.header().gas_used as f64 / block.header().gas_limit.max(1) as f64
    };
    FeeHistory {
        base_fee_per_gas: fees.collect(),
        gas_used_ratio: blocks.iter().map(ratio).collect(),
        base_fee_per_blob_gas: vec![1; blocks.len() + 1],
        blob_gas_used_ratio: vec![0.0; blocks.len()],
        oldest_block,
        reward: percentiles
            .map(|percentiles| blocks.iter().map(|block| rewards(block, percentiles)).collect()),
    }
}

/// Tips at these percentiles of the block's gas.
fn rewards(block: &MinedBlock, percentiles: &[f64]) -> Vec<u128> {
    let base = block.header().base_fee_per_gas.unwrap_or_default();
    let mut paid: Vec<(u128, u64)> = block
        .txs()
        .iter()
        .zip(block.outcomes())
        .map(|(tx, done)| {
            (tx.envelope().effective_tip_per_gas(base).unwrap_or_default(), done.gas_used)
        })
        .collect();
    paid.sort_unstable();
    let threshold = |percentile: &f64| block.header().gas_used as f64 * percentile / 100.0;
    let reward = |percentile: &f64| {
        let mut gas = 0;
        let reached = paid.iter().find(|(_, used)| {
            gas += used;
            gas as f64 >= threshold(percentile)
        });
        reached.or(paid.last()).map_or(0, |(tip, _)| *tip)
    };
    percentiles.iter().map(reward).collect()
}
