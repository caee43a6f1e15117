//! What a client reads and does.

use super::{
    Testbed, Verdict,
    verdict::{Answer, broken, ensure, ensure_eq},
    world::{GWEI, World, sign},
};
use crate::{CallOutcome, CallRequest, ChainError, SendRejection, TxReceipt};
use alloy::{
    consensus::TxEip1559,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::local::PrivateKeySigner,
};

const ETHER: u128 = 1_000_000_000_000_000_000;

pub(super) async fn the_client_reads_the_newest_state(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    let client = world.client().clone();
    ensure_eq("chain id of the client", &client.chain_id(), &world.bed.chain_id())?;
    let (us, them) = (world.signer.address(), Address::repeat_byte(0x5e));
    for count in 1..=3u64 {
        let pay = world.sign(|tx| {
            tx.to = TxKind::Call(them);
            tx.value = U256::from(ETHER);
        })?;
        client.send_raw(&pay).await.answers("send_raw")?;
        let nonce = client.nonce(us).await.answers("nonce")?;
        ensure_eq("a waiting transaction consumes no nonce", &nonce, &(count + 1))?;
        let balance = client.balance(them).await.answers("balance")?;
        ensure_eq(
            "balance before the block",
            &balance,
            &U256::from(ETHER * u128::from(count - 1)),
        )?;
        world.mine_txs(&[pay]).await;
        let nonce = client.nonce(us).await.answers("nonce")?;
        ensure_eq("nonce after the block", &nonce, &(count + 2))?;
        let balance = client.balance(them).await.answers("balance")?;
        ensure_eq("balance after the block", &balance, &U256::from(ETHER * u128::from(count)))?;
        ensure_eq("head", &client.head().await.answers("head")?, &world.head().await)?;
    }
    let code = client.code(them).await.answers("code")?;
    ensure_eq("code of an account without any", &code, &Bytes::new())
}

fn call_to(to: Address, data: &[u8], time: Option<u64>) -> CallRequest {
    CallRequest { to, data: data.to_vec().into(), time, ..CallRequest::default() }
}

pub(super) async fn calls_answer_and_revert_with_data(bed: &mut dyn Testbed) -> Verdict {
    let world = World::new(bed).await?;
    let client = &world.client();
    let (probe, nobody) = (world.probe, Address::repeat_byte(0x99));
    let call = client.call(&call_to(nobody, b"hello", None)).await.answers("call")?;
    ensure_eq("a call without code", &call, &CallOutcome::Success(Bytes::new()))?;
    let paying = CallRequest {
        from: world.signer.address(),
        value: U256::from(ETHER),
        ..call_to(nobody, b"", None)
    };
    let call = client.call(&paying).await.answers("call")?;
    ensure_eq("a call with value", &call, &CallOutcome::Success(Bytes::new()))?;
    for data in [&[0x08, 0xc3, 0x79, 0xa0][..], &[0xab; 100], &[1]] {
        let expected = CallOutcome::Reverted(data.to_vec().into());
        let call = client.call(&call_to(probe, data, None)).await.answers("call")?;
        ensure_eq("a call that reverts", &call, &expected)?;
        let simulation = client.simulate(&call_to(probe, data, None)).await.answers("simulate")?;
        ensure_eq("a simulation that reverts", &simulation.outcome, &expected)?;
        ensure_eq("gas of a simulation that reverts", &simulation.gas, &0)?;
    }
    Ok(())
}

/// The timestamp that the probe saw.
fn time_in(outcome: &CallOutcome) -> Verdict<u64> {
    match outcome {
        CallOutcome::Success(data) if data.len() == 32 => Ok(U256::from_be_slice(data).to()),
        other => broken(format!("the probe answers a timestamp, found {other:?}")),
    }
}

pub(super) async fn a_call_runs_at_its_candidate_time(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    world.mine_empty(2).await;
    let (client, head) = (&world.client(), world.head().await);
    for time in [head.time + 1, head.time + 12, head.time + 1_000_000] {
        let request = call_to(world.probe, b"", Some(time));
        let call = client.call(&request).await.answers("call")?;
        ensure_eq("block time in a call", &time_in(&call)?, &time)?;
        let simulation = client.simulate(&request).await.answers("simulate")?;
        ensure_eq("block time in a simulation", &time_in(&simulation.outcome)?, &time)?;
    }
    let call = client.call(&call_to(world.probe, b"", None)).await.answers("call")?;
    let time = time_in(&call)?;
    ensure(time > head.time, || {
        format!("a call without a time is in the next block, after {}; found {time}", head.time)
    })
}

pub(super) async fn a_simulation_finds_gas_that_passes(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    let request = CallRequest {
        from: world.signer.address(),
        value: U256::from(7),
        ..call_to(world.probe, b"", None)
    };
    let simulation = world.client().simulate(&request).await.answers("simulate")?;
    time_in(&simulation.outcome)?;
    ensure(simulation.gas > 21_000 && simulation.gas < 60_000, || {
        format!("gas of a small call: {}", simulation.gas)
    })?;
    let tx = world.sign(|tx| {
        tx.to = TxKind::Call(request.to);
        tx.value = request.value;
        tx.gas_limit = simulation.gas;
    })?;
    let hash = world.client().send_raw(&tx).await.answers("send_raw")?;
    world.mine_txs(&[tx]).await;
    let receipt = expect_receipt(&world, hash).await?;
    ensure(receipt.success, || format!("{} gas were not enough", simulation.gas))
}

async fn expect_receipt(world: &World<'_>, hash: B256) -> Verdict<TxReceipt> {
    match world.client().receipt(hash).await.answers("receipt")? {
        Some(receipt) => Ok(receipt),
        None => broken(format!("transaction {hash} was mined and has no receipt")),
    }
}

pub(super) async fn a_transaction_is_taken_mined_and_receipted(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    let fees = world.client().fees().await.answers("fees")?;
    ensure(fees.base > 0 && fees.base < 1_000 * GWEI && fees.priority < 1_000 * GWEI, || {
        format!("fees of a quiet chain: {fees:?}")
    })?;
    let tx = world.sign(|tx| {
        tx.max_fee_per_gas = 2 * fees.base + fees.priority;
        tx.max_priority_fee_per_gas = fees.priority;
    })?;
    let hash = world.client().send_raw(&tx).await.answers("send_raw")?;
    ensure_eq("hash of the transaction", &hash, &keccak256(&tx))?;
    let early = world.client().receipt(hash).await.answers("receipt")?;
    ensure_eq("receipt before the block", &early, &None)?;
    world.mine_txs(&[tx]).await;
    let receipt = expect_receipt(&world, hash).await?;
    let header = world.truth(world.head().await.number).await?.header;
    let base = u128::from(header.base_fee.unwrap_or_default());
    let price = base + fees.priority.min(2 * fees.base + fees.priority - base);
    let expected = TxReceipt {
        tx_hash: hash,
        block: header.block_ref(),
        success: true,
        gas_used: 21_000,
        effective_gas_price: price,
    };
    ensure_eq("receipt", &receipt, &expected)?;
    let unknown = world.client().receipt(B256::repeat_byte(0xcd)).await.answers("receipt")?;
    ensure_eq("receipt of no transaction", &unknown, &None)
}

pub(super) async fn a_failed_transaction_has_a_receipt_that_says_so(
    bed: &mut dyn Testbed,
) -> Verdict {
    let mut world = World::new(bed).await?;
    let tx = world.sign(|tx| {
        tx.to = TxKind::Call(world.probe);
        tx.gas_limit = 50_000;
        tx.input = Bytes::from_static(&[1]);
    })?;
    let hash = world.client().send_raw(&tx).await.answers("send_raw")?;
    world.mine_txs(&[tx]).await;
    let receipt = expect_receipt(&world, hash).await?;
    ensure(!receipt.success, || format!("the transaction reverted: {receipt:?}"))?;
    ensure_eq("its block", &receipt.block, &world.head().await)
}

/// Sends what must be refused.
async fn refused(world: &World<'_>, raw: &Bytes) -> Verdict<SendRejection> {
    match world.client().send_raw(raw).await {
        Err(ChainError::Rejected { rejection, .. }) => Ok(rejection),
        other => broken(format!("the transaction must be refused, found {other:?}")),
    }
}

pub(super) async fn a_refusal_says_why(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    let used = world.sign(|tx| tx.nonce = 0)?;
    ensure_eq("a used nonce", &refused(&world, &used).await?, &SendRejection::NonceTooLow)?;

    let first = world.sign(|_| ())?;
    let hash = world.client().send_raw(&first).await.answers("send_raw")?;
    // A node may also just answer the hash again; both are harmless.
    match world.client().send_raw(&first).await {
        Ok(again) => ensure_eq("hash of the same bytes", &again, &hash)?,
        Err(ChainError::Rejected { rejection: SendRejection::AlreadyKnown, .. }) => {}
        other => return broken(format!("the same bytes are known already, found {other:?}")),
    }
    let rival = world.sign(|tx| tx.value = U256::from(1))?;
    let rejection = refused(&world, &rival).await?;
    ensure_eq("a rival that pays the same", &rejection, &SendRejection::ReplacementUnderpriced)?;
    let better = world.sign(|tx| {
        tx.max_fee_per_gas *= 2;
        tx.max_priority_fee_per_gas *= 2;
    })?;
    let better_hash = world.client().send_raw(&better).await.answers("send_raw")?;
    world.mine_txs(&[better]).await;
    ensure(expect_receipt(&world, better_hash).await?.success, || "it was mined".to_owned())?;
    let gone = world.client().receipt(hash).await.answers("receipt")?;
    ensure_eq("receipt of the replaced one", &gone, &None)?;

    let poor = PrivateKeySigner::from_bytes(&keccak256(b"owns nothing"));
    let Ok(poor) = poor else { return broken("a hash is a valid key") };
    let tx = TxEip1559 {
        chain_id: world.bed.chain_id().0,
        gas_limit: 21_000,
        max_fee_per_gas: 100 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(ETHER),
        ..TxEip1559::default()
    };
    let rejection = refused(&world, &sign(tx, &poor)?).await?;
    ensure_eq("a sender without coins", &rejection, &SendRejection::InsufficientFunds)?;

    let garbage = refused(&world, &Bytes::from_static(&[2, 1, 2, 3])).await?;
    ensure(matches!(garbage, SendRejection::Other(_)), || format!("garbage: {garbage:?}"))
}

pub(super) async fn a_receipt_follows_the_canonical_chain(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    world.mine_empty(world.bed.finality_depth()).await;
    let tx = world.sign(|_| ())?;
    let hash = keccak256(&tx);
    world.mine_txs(std::slice::from_ref(&tx)).await;
    let first = expect_receipt(&world, hash).await?;
    ensure_eq("its first block", &first.block, &world.head().await)?;
    world.mine_empty(1).await;
    world.replace(2, 3, &[]).await?;
    let gone = world.client().receipt(hash).await.answers("receipt")?;
    ensure_eq("receipt after the block is gone", &gone, &None)?;
    world.client().send_raw(&tx).await.answers("send_raw")?;
    world.mine_txs(&[tx]).await;
    let second = expect_receipt(&world, hash).await?;
    ensure_eq("its second block", &second.block, &world.head().await)?;
    ensure(second.block != first.block, || format!("{} is gone", first.block))
}
