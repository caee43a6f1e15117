//! Prices and fees that contracts state.

use super::{PriceFault, PriceSource, Word};
use alloy::primitives::{Address, Bytes, U256, U512, address, keccak256};
use async_trait::async_trait;
use bmn_chain::{CallOutcome, CallRequest, ChainClient};
use bmn_swap::DataFeeTerms;
use std::sync::Arc;

/// The predeployed oracle of every rollup of the OP stack.
const GAS_PRICE_ORACLE: Address = address!("420000000000000000000000000000000000000F");

/// Size of the transaction for which the oracle's own upper bound is asked.
const BOUND_BYTES: u64 = 1_000;

/// What the oracle adds to a transaction's size for its signature.
const SIGNATURE_BYTES: u64 = 68;

/// A price feed in the style of Chainlink, in the reference currency.
pub struct FeedPrice {
    client: Arc<dyn ChainClient>,
    contract: Address,
}

/// The middle price of a pair in the style of Uniswap V2. Whoever trades within a block can move it:
/// only good beside a source that he cannot.
pub struct PoolPrice {
    client: Arc<dyn ChainClient>,
    contract: Address,
    /// Our token as the pair names it, and its decimals.
    token: (Address, u8),
    /// Decimals and price of the other one.
    other: (u8, u64),
}

impl std::fmt::Debug for FeedPrice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedPrice").field("contract", &self.contract).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PoolPrice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolPrice").field("contract", &self.contract).finish_non_exhaustive()
    }
}

impl FeedPrice {
    /// The feed at an address.
    pub const fn new(client: Arc<dyn ChainClient>, contract: Address) -> Self {
        Self { client, contract }
    }
}

impl PoolPrice {
    /// The pair at an address; `token` is ours with its decimals, `other` the decimals of the other one
    /// and its value in millionths of the reference currency.
    pub const fn new(
        client: Arc<dyn ChainClient>,
        contract: Address,
        token: (Address, u8),
        other: (u8, u64),
    ) -> Self {
        Self { client, contract, token, other }
    }
}

/// The words a view function answers; exactly `N` of them.
async fn words<const N: usize>(
    client: &dyn ChainClient,
    to: Address,
    signature: &str,
    argument: Option<U256>,
) -> Result<[U256; N], PriceFault> {
    let mut data = keccak256(signature.as_bytes())[..4].to_vec();
    data.extend(argument.map(|word| word.to_be_bytes::<32>()).into_iter().flatten());
    let call = CallRequest { to, data: Bytes::from(data), ..CallRequest::default() };
    match client.call(&call).await? {
        CallOutcome::Success(answer) if answer.len() == N * 32 => {
            let word = |at: usize| U256::from_be_slice(&answer[at * 32..at * 32 + 32]);
            Ok(std::array::from_fn(word))
        }
        CallOutcome::Success(answer) => {
            let reason = format!("{to} answered {signature} with {} bytes", answer.len());
            Err(PriceFault::Nonsense(reason))
        }
        CallOutcome::Reverted(_) => Err(PriceFault::Nonsense(format!("{to} reverted {signature}"))),
    }
}

fn small(word: U256, what: &str) -> Result<u64, PriceFault> {
    u64::try_from(word).map_err(|_| PriceFault::Nonsense(format!("{what} is {word}")))
}

/// `amount / 10^decimals` in millionths, rounded down; never zero.
fn in_micros(amount: U512, scale: U512) -> Result<u64, PriceFault> {
    if scale.is_zero() {
        return Err(PriceFault::Nonsense("the pair is empty".to_owned()));
    }
    let price = amount / scale;
    match u64::try_from(price) {
        Ok(0) => Err(PriceFault::Nonsense("the price is zero".to_owned())),
        Ok(price) => Ok(price),
        Err(_) => Err(PriceFault::Nonsense("the price does not fit 64 bits".to_owned())),
    }
}

fn power(decimals: u8) -> U512 {
    U512::from(10).pow(U512::from(decimals))
}

#[async_trait]
impl PriceSource for FeedPrice {
    async fn ask(&self) -> Result<Word, PriceFault> {
        let (client, contract) = (&*self.client, self.contract);
        let round = words::<5>(client, contract, "latestRoundData()", None).await?;
        let [decimals] = words::<1>(client, contract, "decimals()", None).await?;
        let [round_id, answer, _, updated_at, answered_in] = round;
        let decimals = small(decimals, "decimals")?;
        let decimals = u8::try_from(decimals).ok().filter(|decimals| *decimals <= 77);
        let decimals =
            decimals.ok_or_else(|| PriceFault::Nonsense("too many decimals".to_owned()))?;
        // A signed word: the upper half is negative.
        if answer.bit(255) || answer.is_zero() {
            return Err(PriceFault::Nonsense("the answer is not above zero".to_owned()));
        }
        if answered_in < round_id {
            let reason = format!("round {round_id} has the answer of round {answered_in}");
            return Err(PriceFault::Nonsense(reason));
        }
        let at = small(updated_at, "updatedAt")?;
        if at == 0 {
            return Err(PriceFault::Nonsense("the round is not complete".to_owned()));
        }
        let scaled = U512::from(answer) * U512::from(1_000_000);
        Ok(Word { micros: in_micros(scaled, power(decimals))?, at })
    }
}

#[async_trait]
impl PriceSource for PoolPrice {
    async fn ask(&self) -> Result<Word, PriceFault> {
        let (client, contract) = (&*self.client, self.contract);
        // Asked first: the reserves are at least as new as this block.
        let at = client.head().await?.time;
        let [first, second, _] = words::<3>(client, contract, "getReserves()", None).await?;
        let [token0] = words::<1>(client, contract, "token0()", None).await?;
        let [token1] = words::<1>(client, contract, "token1()", None).await?;
        let word = U256::from_be_bytes(self.token.0.into_word().0);
        let (ours, others) = if token0 == word {
            (first, second)
        } else if token1 == word {
            (second, first)
        } else {
            let reason = format!("{contract} does not trade {}", self.token.0);
            return Err(PriceFault::Nonsense(reason));
        };
        if ours.bit_len() > 112 || others.bit_len() > 112 || others.is_zero() {
            return Err(PriceFault::Nonsense(format!("reserves {ours} and {others}")));
        }
        let (decimals, price) = self.other;
        let worth = U512::from(others) * U512::from(price) * power(self.token.1);
        Ok(Word { micros: in_micros(worth, U512::from(ours) * power(decimals))?, at })
    }
}

/// What a rollup of the OP stack takes for data, and the time of the block it was read at.
///
/// # Errors
/// [`PriceFault`].
pub async fn read_data_fee(client: &dyn ChainClient) -> Result<(DataFeeTerms, u64), PriceFault> {
    let at = client.head().await?.time;
    let ask = |signature: &'static str| words::<1>(client, GAS_PRICE_ORACLE, signature, None);
    let wei = |[word]: [U256; 1], what: &str| {
        u128::try_from(word).map_err(|_| PriceFault::Nonsense(format!("{what} is {word}")))
    };
    let scalar = |[word]: [U256; 1], what: &str| {
        u32::try_from(word).map_err(|_| PriceFault::Nonsense(format!("{what} is {word}")))
    };
    let l1_base_fee = wei(ask("l1BaseFee()").await?, "l1BaseFee")?;
    let blob_base_fee = wei(ask("blobBaseFee()").await?, "blobBaseFee")?;
    let base_fee_scalar = scalar(ask("baseFeeScalar()").await?, "baseFeeScalar")?;
    let blob_base_fee_scalar = scalar(ask("blobBaseFeeScalar()").await?, "blobBaseFeeScalar")?;
    let unsigned = Some(U256::from(BOUND_BYTES - SIGNATURE_BYTES));
    let bound =
        words::<1>(client, GAS_PRICE_ORACLE, "getL1FeeUpperBound(uint256)", unsigned).await?;
    let stated = Some((BOUND_BYTES, bound[0]));
    let terms =
        DataFeeTerms { l1_base_fee, blob_base_fee, base_fee_scalar, blob_base_fee_scalar, stated };
    Ok((terms, at))
}
