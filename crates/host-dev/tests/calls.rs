//! The acting side of the seam.

mod common;

use alloy::primitives::{Address, B256, Bytes, TxKind, U256, hex};
use bmn_chain::{CallOutcome, CallRequest, ChainClient, ChainError, SendRejection};
use bmn_host_dev::{Call, DevChain, DevChainError, Overrides};
use common::*;

fn contract(chain: &DevChain, code: &'static [u8]) -> Address {
    let address = Address::repeat_byte(code[code.len() / 2] ^ 0x5a);
    chain.set_code(address, Bytes::from_static(code)).expect("valid code");
    chain.mine(None).expect("mines");
    address
}

fn words(outcome: CallOutcome) -> Vec<u64> {
    let CallOutcome::Success(data) = outcome else { panic!("{outcome:?}") };
    data.chunks(32).map(|word| U256::from_be_slice(word).to()).collect()
}

#[test]
fn calls_run_in_the_next_block_at_the_candidate_time() {
    let chain = chain();
    let to = contract(&chain, &CLOCK);
    let client = chain.client();
    let request = CallRequest { to, ..CallRequest::default() };
    let head = chain.head();
    let call = |request: &CallRequest| words(ready(client.call(request)).expect("answers"));
    assert_eq!(call(&request), [head.time + 12, head.number + 1]);
    chain.set_next_timestamp(head.time + 500).expect("later");
    assert_eq!(call(&request), [head.time + 500, head.number + 1]);
    let at = CallRequest { time: Some(head.time + 9), ..request };
    assert_eq!(call(&at), [head.time + 9, head.number + 1]);
    assert_eq!(ready(client.head()), Ok(head));
    let past = Call { to: Some(to), block: Some(head.number), ..Call::default() };
    let result = chain.call(&past).expect("answers");
    assert_eq!(words(result.outcome), [head.time, head.number]);
}

#[test]
fn a_revert_is_an_answer_and_costs_no_gas_limit() {
    let chain = chain();
    let to = contract(&chain, &REVERTER);
    let request = CallRequest { to, ..CallRequest::default() };
    let data = Bytes::from(B256::from(U256::from(42)).to_vec());
    let simulation = ready(chain.client().simulate(&request)).expect("answers");
    assert_eq!(simulation.outcome, CallOutcome::Reverted(data.clone()));
    assert_eq!(simulation.gas, 0);
    assert_eq!(ready(chain.client().call(&request)), Ok(CallOutcome::Reverted(data)));
    let endless = contract(&chain, &hex!("5b600056"));
    let result = chain.call(&Call { to: Some(endless), ..Call::default() }).expect("answers");
    assert_eq!(result.outcome, CallOutcome::Reverted(Bytes::new()));
    assert!(result.halt.expect("a reason").contains("OutOfGas"));
}

#[test]
fn the_simulated_gas_is_enough_and_close() {
    let chain = chain();
    let logger = contract(&chain, &LOGGER);
    let clearer = contract(&chain, &CLEARER);
    chain.set_storage(clearer, U256::ZERO, U256::from(1)).expect("kept");
    let nested = contract(&chain, &NESTED);
    let inner = B256::left_padding_from(logger.as_slice());
    for (nonce, (to, input)) in
        (0..).zip([(logger, vec![1; 32]), (clearer, vec![]), (nested, inner.to_vec())])
    {
        let request =
            CallRequest { from: account(1), to, data: input.into(), ..CallRequest::default() };
        let simulation = ready(chain.client().simulate(&request)).expect("answers");
        let raw = tx(1, nonce, |tx| {
            tx.to = TxKind::Call(to);
            tx.value = U256::ZERO;
            tx.gas_limit = simulation.gas;
            tx.input = request.data.clone();
        });
        let hash = chain.submit_raw(&raw).expect("accepted");
        chain.mine(None).expect("mines");
        let receipt = chain.receipt(hash).expect("readable").expect("mined");
        assert!(receipt.success, "{to} with {}", simulation.gas);
        let bound = 2 * receipt.gas_used;
        assert!(simulation.gas <= bound, "{} is not wasteful", simulation.gas);
    }
    assert!(chain.storage(clearer, U256::ZERO).is_zero());
}

/// Calls the address in its first calldata word with all its gas and reverts when that fails.
const NESTED: [u8; 24] = hex!("600060006000600060006000355af1601657600080fd5b00");

#[test]
fn too_small_a_limit_fails_where_the_estimate_passes() {
    let chain = chain();
    let logger = contract(&chain, &LOGGER);
    let nested = contract(&chain, &NESTED);
    let data = Bytes::from(B256::left_padding_from(logger.as_slice()).to_vec());
    let call = Call { to: Some(nested), data, ..Call::default() };
    let gas = chain.simulate(&call).expect("answers").gas;
    let with = |gas| chain.call(&Call { gas: Some(gas), ..call.clone() }).expect("answers");
    assert!(with(gas).is_success());
    assert!(!with(gas - gas / 20).is_success());
    let capped = Call { gas: Some(gas - gas / 20), ..call.clone() };
    assert_eq!(chain.simulate(&capped).expect("answers").gas, 0, "the caller's own limit counts");
}

#[test]
fn a_caller_without_money_is_told_so() {
    let chain = chain();
    let request = CallRequest {
        from: Address::repeat_byte(9),
        to: account(1),
        value: U256::from(1),
        ..CallRequest::default()
    };
    let refused = ready(chain.client().simulate(&request)).expect_err("refused");
    let rejection = SendRejection::InsufficientFunds;
    assert_eq!(refused, ChainError::Rejected { chain: CHAIN.into(), rejection });
}

#[test]
fn a_contract_may_be_the_caller_and_calls_change_nothing() {
    let chain = chain();
    let logger = contract(&chain, &LOGGER);
    let request = CallRequest {
        from: logger,
        to: logger,
        data: vec![7; 32].into(),
        ..CallRequest::default()
    };
    let head = chain.head();
    assert_eq!(ready(chain.client().call(&request)), Ok(CallOutcome::Success(Bytes::new())));
    assert_eq!(chain.storage(logger, U256::ZERO), U256::ZERO);
    assert_eq!((chain.head(), chain.nonce(logger)), (head, 0));
}

#[test]
fn overrides_pretend() {
    let chain = chain();
    let to = Address::repeat_byte(0x44);
    let overrides = Overrides {
        time: Some(7),
        number: Some(8),
        accounts: vec![bmn_host_dev::Cheat::Code(to, Bytes::from_static(&CLOCK))],
        ..Overrides::default()
    };
    let call = Call { to: Some(to), overrides, ..Call::default() };
    assert_eq!(words(chain.call(&call).expect("answers").outcome), [7, 8]);
    assert!(chain.code(to).is_empty());
}

#[test]
fn the_past_is_readable_as_far_as_it_is_kept() {
    let chain = DevChain::new(bmn_host_dev::DevChainConfig { history: 3, ..config() });
    let to = contract(&chain, &CLOCK);
    for _ in 0..10 {
        chain.mine(None).expect("mines");
    }
    let at = |number| chain.call(&Call { to: Some(to), block: Some(number), ..Call::default() });
    assert!(at(9).is_ok());
    assert!(matches!(at(2), Err(DevChainError::NoState { number: 2, history: 3 })));
    assert!(matches!(at(12), Err(DevChainError::NoState { number: 12, .. })));
}

#[test]
fn the_client_reads_accounts_and_fees() {
    let chain = chain();
    let client = chain.client();
    assert_eq!(ready(client.balance(account(1))), Ok(U256::from(100 * ETHER)));
    assert_eq!(ready(client.nonce(account(1))), Ok(0));
    assert_eq!(ready(client.code(account(1))), Ok(Bytes::new()));
    let fees = ready(client.fees()).expect("answers");
    assert_eq!((fees.base, fees.priority), (875_000_000, GWEI));
    let hash = ready(client.send_raw(&tx(1, 0, |_| ()))).expect("accepted");
    assert_eq!(ready(client.receipt(hash)), Ok(None));
    let head = chain.mine(None).expect("mines");
    let receipt = ready(client.receipt(hash)).expect("answers").expect("mined");
    assert_eq!((receipt.block, receipt.tx_hash), (head, hash));
    assert_eq!(ready(client.nonce(account(1))), Ok(1));
    assert_eq!(
        chain.block(1).expect("readable").expect("there").header().base_fee_per_gas,
        Some(875_000_000)
    );
}
