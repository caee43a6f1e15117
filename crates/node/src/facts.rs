//! What an order depends on that only the hosts know.

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_chain::{CallOutcome, CallRequest, ChainClient, ChainError};
use bmn_contracts::{OrderSignature, calldata};
use bmn_swap::{Order, SignedOrder};

/// `isValidSignature`'s answer for a good signature (ERC-1271).
const MAGIC: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];

/// Facts from both hosts, read outside any transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostFacts {
    pub(crate) contract_signature: Option<bool>,
    pub(crate) maker_balance: U256,
    pub(crate) maker_allowance: U256,
    pub(crate) raw_remaining: U256,
    pub(crate) nonce_used: bool,
    pub(crate) our_token: U256,
    pub(crate) our_native: U256,
    /// Our coin on the source chain.
    pub(crate) our_source_native: U256,
    pub(crate) gas_price: (u128, u128),
}

/// Reads them. A destination that is not served has no client; its facts are zero.
pub(crate) async fn host_facts(
    order: &Order,
    signed: &SignedOrder,
    us: Address,
    source: &dyn ChainClient,
    destination: Option<&dyn ChainClient>,
) -> Result<HostFacts, ChainError> {
    let contract = order.id.contract;
    let token = order.source_token;
    let fees = |fees: bmn_chain::Fees| fees.base.saturating_add(fees.priority);
    let source_price = fees(source.fees().await?);
    let (our_token, our_native, destination_price) = match destination {
        Some(client) => (
            word(client, order.destination_token, calldata::balance_of(us)).await?,
            client.balance(us).await?,
            fees(client.fees().await?),
        ),
        None => (U256::ZERO, U256::ZERO, 0),
    };
    Ok(HostFacts {
        contract_signature: contract_signature(order, signed, source).await?,
        maker_balance: word(source, token, calldata::balance_of(order.maker)).await?,
        maker_allowance: word(source, token, calldata::allowance(order.maker, contract)).await?,
        raw_remaining: word(
            source,
            contract,
            calldata::raw_remaining_invalidator(order.maker, order.id.hash),
        )
        .await?,
        nonce_used: nonce_used(order, signed, source).await?,
        our_token,
        our_native,
        our_source_native: source.balance(us).await?,
        gas_price: (source_price, destination_price),
    })
}

async fn nonce_used(
    order: &Order,
    signed: &SignedOrder,
    client: &dyn ChainClient,
) -> Result<bool, ChainError> {
    let traits = signed.order.maker_traits;
    if !traits.uses_bit_invalidator() {
        return Ok(false);
    }
    let nonce = traits.nonce();
    let used =
        word(client, order.id.contract, calldata::bit_invalidator(order.maker, nonce >> 8)).await?;
    Ok(used.bit((nonce & 0xff) as usize))
}

async fn contract_signature(
    order: &Order,
    signed: &SignedOrder,
    client: &dyn ChainClient,
) -> Result<Option<bool>, ChainError> {
    let OrderSignature::Contract(signature) = &signed.signature else { return Ok(None) };
    let data = calldata::is_valid_signature(order.id.hash, signature.clone());
    let outcome = client.call(&request(order.maker, data)).await?;
    Ok(Some(matches!(outcome, CallOutcome::Success(answer) if answer.starts_with(&MAGIC))))
}

fn request(to: Address, data: Bytes) -> CallRequest {
    CallRequest { to, data, ..CallRequest::default() }
}

/// The word a view function returns; zero where there is no such function.
async fn word(client: &dyn ChainClient, to: Address, data: Bytes) -> Result<U256, ChainError> {
    match client.call(&request(to, data)).await? {
        CallOutcome::Success(answer) if answer.len() == 32 => {
            Ok(U256::from_be_bytes(B256::from_slice(&answer).0))
        }
        _ => Ok(U256::ZERO),
    }
}
