//! Acting on the chain.

use crate::{
    agreement::gather,
    fault::{Fault, RpcFailure},
    fees,
    pool::Pool,
    private::Private,
    quorum::{Sent, Taken, first},
    reader::LATEST,
    rejection::rejection,
    revert::revert_data,
    transport::Request,
    wire::{WireCall, WireFees, WireHeader, WireReceipt},
};
use alloy::primitives::{Address, B256, Bytes, U64, U128, U256, keccak256};
use async_trait::async_trait;
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, Fees, Header, MinedCall, RawReceipts,
    SendRejection, Simulation, TxReceipt,
};
use bmn_primitives::{BlockRef, ChainId};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{cmp::Reverse, sync::Arc};
use tokio::time::Instant;

/// Acts on a chain through the nodes of an [`RpcHost`](crate::RpcHost).
pub struct RpcClient {
    pub(crate) pool: Arc<Pool>,
    sent: Mutex<Sent>,
    private: Option<Arc<Private>>,
}

impl std::fmt::Debug for RpcClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcClient").field("chain", &self.pool.chain).finish_non_exhaustive()
    }
}

/// Creation code that returns the block's time: `TIMESTAMP`, `MSTORE` at 0, `RETURN` 32 bytes.
const TELL_TIME: &str = "0x4260005260206000f3";
/// A time far from any block's, to see whether a node obeys it.
const PROBE_TIME: u64 = 0x0012_3456_789a;
/// Blocks over which the block time is averaged.
const INTERVAL_BLOCKS: u64 = 8;
/// Gas limits tried where a node estimates for another block time only; each half again as large.
const FIRST_GAS: u64 = 50_000;
const GAS_STEPS: u32 = 15;

/// Most gas that an estimate may name, many times a block's. What is above it is no estimate.
const MOST_GAS: u64 = 1 << 36;
/// Most wei per gas that a fee may be: 1 000 ether for a plain transfer. What is above it is no fee.
const MOST_FEE: u128 = 1 << 56;

/// How a call went on one endpoint.
#[derive(PartialEq)]
enum Ran {
    Outcome(CallOutcome),
    Rejected(SendRejection),
}

/// A simulation as endpoints are compared by it: their estimates of gas differ a little.
struct Simulated(Result<Simulation, SendRejection>);

impl PartialEq for Simulated {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Ok(one), Ok(two)) => one.outcome == two.outcome,
            (Err(one), Err(two)) => one == two,
            _ => false,
        }
    }
}

impl Simulated {
    const fn gas(&self) -> u64 {
        match &self.0 {
            Ok(simulation) => simulation.gas,
            Err(_) => 0,
        }
    }
}

impl RpcClient {
    pub(crate) fn new(pool: Arc<Pool>, private: Option<Arc<Private>>) -> Self {
        Self { pool, sent: Mutex::default(), private }
    }

    pub(crate) async fn header(&self, at: usize, number: u64) -> Result<Option<Header>, Fault> {
        let params = json!([format!("{number:#x}"), false]);
        let found: Option<WireHeader> = self.pool.ask(at, "eth_getBlockByNumber", params).await?;
        match found.map(Header::from) {
            Some(other) if other.number != number => {
                let other = other.number;
                Err(self.contradiction(at, format!("asked for block {number}, got {other}")))
            }
            found => Ok(found),
        }
    }

    pub(crate) fn contradiction(&self, at: usize, what: String) -> Fault {
        let fault = Fault::Inconsistent(what);
        self.pool.blame(at, &fault);
        fault
    }

    /// The time the next block is likely to have, from the blocks before.
    async fn next_time(&self, at: usize) -> Result<u64, Fault> {
        let head = self.pool.latest(at).await?;
        let before = head.number.saturating_sub(INTERVAL_BLOCKS);
        let blocks = head.number.saturating_sub(before);
        let older = if blocks == 0 { None } else { self.header(at, before).await? };
        let took = older.map_or(0, |older| head.timestamp.saturating_sub(older.timestamp));
        let interval = took.checked_div(blocks).unwrap_or_default().max(1);
        Ok(head.timestamp.saturating_add(interval))
    }

    /// Whether the endpoint runs calls at the time it is told, found out once. Some ignore what they
    /// do not know, so the only proof is a call that answers with the time.
    async fn obeys_time(&self, at: usize) -> Result<bool, Fault> {
        if let Some(obeys) = self.pool.known(at, |known| known.block_time) {
            return Ok(obeys);
        }
        let params = with_time(json!({ "input": TELL_TIME }), PROBE_TIME);
        let obeys = match self.pool.ask::<Bytes>(at, "eth_call", params).await {
            Ok(told) => U256::try_from_be_slice(&told) == Some(U256::from(PROBE_TIME)),
            Err(Fault::Refused(_)) => false,
            Err(other) => return Err(other),
        };
        self.pool.known(at, |known| known.block_time = Some(obeys));
        Ok(obeys)
    }

    /// Parameters of a call, at its time where the endpoint obeys one.
    async fn params(&self, at: usize, call: &CallRequest) -> Result<(Value, Value), Fault> {
        let tx = transaction(call);
        if !self.obeys_time(at).await? {
            return Ok((tx.clone(), json!([tx, LATEST])));
        }
        let time = match call.time {
            Some(time) => time,
            None => self.next_time(at).await?,
        };
        Ok((tx.clone(), with_time(tx, time)))
    }

    async fn run(&self, at: usize, params: Value) -> Result<Ran, Fault> {
        match self.pool.ask::<Bytes>(at, "eth_call", params).await {
            Ok(data) => Ok(Ran::Outcome(CallOutcome::Success(data))),
            Err(Fault::Refused(failure)) => refused(failure),
            Err(other) => Err(other),
        }
    }

    async fn run_call(&self, at: usize, call: &CallRequest) -> Result<Ran, Fault> {
        let (_, params) = self.params(at, call).await?;
        self.run(at, params).await
    }

    async fn run_simulation(
        &self,
        at: usize,
        call: &CallRequest,
    ) -> Result<Result<Simulation, SendRejection>, Fault> {
        let (tx, params) = self.params(at, call).await?;
        let outcome = match self.run(at, params.clone()).await? {
            Ran::Outcome(outcome) => outcome,
            Ran::Rejected(rejection) => return Ok(Err(rejection)),
        };
        let gas = match &outcome {
            CallOutcome::Reverted(_) => 0,
            CallOutcome::Success(_) => self.gas(at, &tx, &params).await?,
        };
        Ok(Ok(Simulation { outcome, gas }))
    }

    /// A gas limit with which a call that passes still passes.
    async fn gas(&self, at: usize, tx: &Value, params: &Value) -> Result<u64, Fault> {
        const METHOD: &str = "eth_estimateGas";
        for params in [params.clone(), json!([tx])] {
            match self.pool.ask::<U64>(at, METHOD, params).await {
                Ok(gas) if gas <= U64::from(MOST_GAS) => return Ok(gas.to()),
                Ok(gas) => return Err(self.contradiction(at, format!("an estimate of {gas} gas"))),
                // It does not take a time, or runs the call at another time, when it reverts.
                Err(Fault::Refused(_) | Fault::Unsupported(_)) => {}
                Err(other) => return Err(other),
            }
        }
        let limits = (0..GAS_STEPS).scan(FIRST_GAS, |gas, _| {
            let now = *gas;
            *gas += now / 2;
            Some(now)
        });
        let limits: Vec<u64> = limits.collect();
        let request = |gas: &u64| {
            let mut params = params.clone();
            params[0]["gas"] = json!(format!("{gas:#x}"));
            Request::new("eth_call", params)
        };
        let requests: Vec<_> = limits.iter().map(request).collect();
        let answers = self.pool.send(at, &requests).await?;
        let enough = limits.iter().zip(&answers).find(|(_, answer)| answer.is_ok());
        let none = || Fault::NotYet("a gas limit with which the call passes".to_owned());
        enough.map(|(gas, _)| *gas).ok_or_else(none)
    }

    async fn fees_of(&self, at: usize) -> Result<Fees, Fault> {
        let fees = self.any_fees_of(at).await?;
        if fees.base.max(fees.priority) > MOST_FEE {
            return Err(self.contradiction(at, format!("fees of {fees:?}")));
        }
        Ok(fees)
    }

    async fn any_fees_of(&self, at: usize) -> Result<Fees, Fault> {
        let params = json!([format!("{:#x}", fees::BLOCKS), LATEST, [fees::PERCENTILE]]);
        let history = match self.pool.ask::<WireFees>(at, "eth_feeHistory", params).await {
            Ok(history) => {
                let base: Vec<u128> = history.base_fee_per_gas.iter().map(|it| it.to()).collect();
                let block = |block: Vec<U128>| block.into_iter().map(|it| it.to()).collect();
                let paid: Vec<Vec<u128>> =
                    history.reward.unwrap_or_default().into_iter().map(block).collect();
                fees::of_history(&base, &paid)
            }
            Err(Fault::Refused(_) | Fault::Unsupported(_)) => None,
            Err(other) => return Err(other),
        };
        let base = match history {
            Some((base, Some(priority))) => return Ok(Fees { base, priority }),
            Some((base, None)) => base,
            None => self.pool.latest(at).await?.base_fee.unwrap_or_default().into(),
        };
        match self.pool.ask::<U128>(at, "eth_maxPriorityFeePerGas", json!([])).await {
            Ok(priority) if base > 0 => return Ok(Fees { base, priority: priority.to() }),
            Ok(_) | Err(Fault::Refused(_) | Fault::Unsupported(_)) => {}
            Err(other) => return Err(other),
        }
        let price: U128 = self.pool.ask(at, "eth_gasPrice", json!([])).await?;
        Ok(fees::of_gas_price(base, price.to()))
    }

    async fn call_of(&self, at: usize, hash: B256) -> Result<Option<MinedCall>, Fault> {
        let method = "eth_getTransactionByHash";
        let found = match self.pool.ask::<Option<WireCall>>(at, method, json!([hash])).await {
            Ok(found) => found,
            Err(Fault::NotYet(_)) => None,
            Err(other) => return Err(other),
        };
        let Some(found) = found else { return Ok(None) };
        if found.hash != hash {
            let what = format!("transaction {} for {hash}", found.hash);
            return Err(self.contradiction(at, what));
        }
        let (Some(number), Some(block)) = (found.block_number, found.block_hash) else {
            return Ok(None);
        };
        let header = self.header(at, number.to()).await?;
        let is_canonical = header.is_some_and(|header| header.hash == block);
        let WireCall { from, to, input, .. } = found;
        Ok(is_canonical.then_some(MinedCall { from, to, data: input }))
    }

    async fn receipt_of(&self, at: usize, hash: B256) -> Result<Option<TxReceipt>, Fault> {
        let method = "eth_getTransactionReceipt";
        let found = match self.pool.ask::<Option<Value>>(at, method, json!([hash])).await {
            Ok(found) => found.filter(|it| it.get("blockHash").is_some_and(|it| !it.is_null())),
            Err(Fault::NotYet(_)) => None,
            Err(other) => return Err(other),
        };
        let Some(found) = found else { return Ok(None) };
        let garbled =
            |error: serde_json::Error| Fault::Garbled(format!("result of {method}: {error}"));
        let read = serde_json::from_value(found).map_err(garbled);
        let receipt: WireReceipt = self.pool.checked(at, read)?;
        if receipt.transaction_hash != hash {
            let other = receipt.transaction_hash;
            let what = format!("the receipt of {other} for that of {hash}");
            return Err(self.contradiction(at, what));
        }
        // A receipt of a block that left the chain proves nothing.
        let number = receipt.block_number.to();
        let header = self.header(at, number).await?;
        let Some(header) = header.filter(|header| header.hash == receipt.block_hash) else {
            return Ok(None);
        };
        let base = u128::from(header.base_fee.unwrap_or_default());
        Ok(Some(TxReceipt {
            tx_hash: hash,
            block: header.block_ref(),
            success: !receipt.status.is_zero(),
            gas_used: receipt.gas_used.to(),
            effective_gas_price: receipt.effective_gas_price.map_or(base, |price| price.to()),
        }))
    }

    async fn account<T>(&self, method: &'static str, account: Address) -> Result<T, ChainError>
    where
        T: serde::de::DeserializeOwned + PartialEq + Send,
    {
        self.any(|at| self.pool.ask(at, method, json!([account, LATEST]))).await
    }

    /// The newest block that enough hosts have.
    async fn agreed_head(&self) -> Result<BlockRef, ChainError> {
        let most = Instant::now() + self.pool.limits.request_timeout;
        let (mut heads, silent) = gather(&self.pool, most, |at| self.pool.latest(at)).await;
        heads.sort_unstable_by_key(|head| Reverse(head.number));
        let Some(head) = heads.get(self.pool.agreement - 1) else {
            return Err(self.too_few(heads.len(), &silent));
        };
        let absent = || Fault::NotYet(format!("block {}", head.number));
        let ask = async |at: usize| -> Result<BlockRef, Fault> {
            let header = self.header(at, head.number).await?;
            Ok(header.ok_or_else(absent)?.block_ref())
        };
        self.any(ask).await
    }

    /// Between what the hosts name, each part for itself: the middle, the lower of two. One that names
    /// absurd fees cannot spend our coins; bids that are too low are raised by the caller.
    async fn agreed_fees(&self) -> Result<Fees, ChainError> {
        let most = Instant::now() + self.pool.limits.request_timeout;
        let (named, silent) = gather(&self.pool, most, |at| self.fees_of(at)).await;
        if named.len() < self.pool.agreement {
            return Err(self.too_few(named.len(), &silent));
        }
        let middle = |part: fn(&Fees) -> u128| {
            let mut parts: Vec<u128> = named.iter().map(part).collect();
            parts.sort_unstable();
            parts.get(parts.len().saturating_sub(1) / 2).copied().unwrap_or_default()
        };
        Ok(Fees { base: middle(|fees| fees.base), priority: middle(|fees| fees.priority) })
    }

    fn too_few(&self, heard: usize, silent: &[(usize, Fault)]) -> ChainError {
        let need = self.pool.agreement;
        let silent = silent.iter().map(|(at, it)| format!("; {}: {it}", self.pool.name(*at)));
        let silent: String = silent.collect();
        self.unavailable(format!("{need} hosts must answer, {heard} did{silent}"))
    }

    fn rejected(&self, rejection: SendRejection) -> ChainError {
        ChainError::Rejected { chain: self.pool.chain, rejection }
    }
}

/// Hands a transaction to one endpoint.
pub(crate) async fn send_to(
    pool: &Pool,
    at: usize,
    raw: &Bytes,
    hash: B256,
) -> Result<Taken, Fault> {
    let method = "eth_sendRawTransaction";
    match pool.ask::<B256>(at, method, json!([raw])).await {
        Ok(named) if named == hash => Ok(Ok(())),
        Ok(named) => {
            let fault = Fault::Inconsistent(format!("it took {hash} and named it {named}"));
            pool.blame(at, &fault);
            Err(fault)
        }
        Err(fault @ Fault::Refused(_)) if fault.is_failure() => match fault {
            // An internal error whose words are those of a pool is the pool's answer.
            Fault::Refused(failure) => match rejection(&failure.message) {
                SendRejection::Other(_) => Err(Fault::Refused(failure)),
                known => Ok(Err(known)),
            },
            other => Err(other),
        },
        Err(Fault::Refused(failure)) => Ok(Err(rejection(&failure.message))),
        Err(other) => Err(other),
    }
}

fn transaction(call: &CallRequest) -> Value {
    json!({ "from": call.from, "to": call.to, "value": call.value, "input": call.data })
}

fn with_time(tx: Value, time: u64) -> Value {
    json!([tx, LATEST, {}, { "time": format!("{time:#x}") }])
}

/// A refused call: it reverted, its caller cannot pay, or the node failed.
fn refused(failure: RpcFailure) -> Result<Ran, Fault> {
    if let Some(data) = revert_data(&failure) {
        return Ok(Ran::Outcome(CallOutcome::Reverted(data)));
    }
    match rejection(&failure.message) {
        funds @ SendRejection::InsufficientFunds => Ok(Ran::Rejected(funds)),
        _ => Err(Fault::Refused(failure)),
    }
}

#[async_trait]
impl ChainClient for RpcClient {
    fn chain_id(&self) -> ChainId {
        self.pool.chain
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        if self.pool.agreement > 1 {
            return self.agreed_head().await;
        }
        Ok(first(&self.pool, |at| self.pool.latest(at)).await?.block_ref())
    }

    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError> {
        let simulated = async |at: usize| self.run_simulation(at, call).await.map(Simulated);
        let found = if self.pool.agreement > 1 {
            let mut alike = self.quorum(&simulated).await?;
            // The middle: neither so little that it runs out nor an absurd amount.
            alike.sort_by_key(Simulated::gas);
            let middle = alike.len() / 2;
            alike.into_iter().nth(middle)
        } else {
            Some(first(&self.pool, simulated).await?)
        };
        let found = found.ok_or_else(|| self.unavailable("no endpoint answers".to_owned()))?;
        found.0.map_err(|rejection| self.rejected(rejection))
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        match self.any(|at| self.run_call(at, call)).await? {
            Ran::Outcome(outcome) => Ok(outcome),
            Ran::Rejected(rejection) => Err(self.rejected(rejection)),
        }
    }

    async fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        let nonce: U64 = self.account("eth_getTransactionCount", account).await?;
        Ok(nonce.to())
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.account("eth_getBalance", account).await
    }

    async fn code(&self, account: Address) -> Result<Bytes, ChainError> {
        self.account("eth_getCode", account).await
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        if self.pool.agreement > 1 {
            return self.agreed_fees().await;
        }
        first(&self.pool, |at| self.fees_of(at)).await
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        let hash = keccak256(raw);
        if let Some(private) = &self.private {
            let taken = private.send(raw, hash).await;
            if !private.has_waited(raw, self.head().await?.number) {
                return match taken? {
                    Ok(()) | Err(SendRejection::AlreadyKnown) => Ok(hash),
                    Err(rejection) => Err(self.rejected(rejection)),
                };
            }
            tracing::warn!(
                target: "bmn::host_rpc", chain = %self.pool.chain, %hash,
                "not mined in private for too long: sent to the nodes"
            );
        }
        let repeated = self.sent.lock().is_repeated(hash);
        // Who sends again has seen no effect: perhaps the endpoint dropped it.
        let sent = if repeated || self.pool.agreement > 1 {
            self.broadcast(|at| send_to(&self.pool, at, raw, hash)).await
        } else {
            None
        };
        let sent = match sent {
            Some(sent) => sent,
            None => first(&self.pool, |at| send_to(&self.pool, at, raw, hash)).await?,
        };
        match sent {
            // Another endpoint may have it from us already: the caller wanted no more.
            Ok(()) | Err(SendRejection::AlreadyKnown) => Ok(hash),
            Err(rejection) => Err(self.rejected(rejection)),
        }
    }

    async fn receipt(&self, tx_hash: B256) -> Result<Option<TxReceipt>, ChainError> {
        self.any(|at| self.receipt_of(at, tx_hash)).await
    }

    async fn mined_call(&self, tx_hash: B256) -> Result<Option<MinedCall>, ChainError> {
        self.any(|at| self.call_of(at, tx_hash)).await
    }

    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError> {
        self.any(|at| self.receipts_of(at, block)).await
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        const METHOD: &str = "eth_getTransactionCount";
        // Each knows its own pool, and perhaps no more than that.
        let most = Instant::now() + self.pool.limits.request_timeout;
        let params = || json!([account, "pending"]);
        let ask = |at| self.pool.ask::<U64>(at, METHOD, params());
        let (named, _) = gather(&self.pool, most, ask).await;
        let mined = self.nonce(account).await?;
        Ok(named.into_iter().fold(mined, |most, named| most.max(named.to())))
    }
}
