//! Calls that change nothing.

use super::{
    Chain,
    execute::Template,
    state::{BlockHashes, Cheat, Execution, State},
};
use crate::DevChainError;
use alloy::primitives::{Address, Bytes, TxKind, U256};
use alloy_evm::{EthEvmFactory, Evm, EvmEnv, EvmFactory};
use bmn_chain::{CallOutcome, Simulation};
use revm::{
    context::{
        TxEnv,
        result::{EVMError, ExecutionResult, InvalidTransaction},
    },
    context_interface::transaction::AccessList,
};

/// The stipend a callee gets with value: gas the caller must have beyond what it uses.
const CALL_STIPEND: u64 = 2300;

/// A call or creation to try.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// `msg.sender`; needs no key, and may be a contract.
    pub from: Address,
    /// Contract to call; `None` creates one.
    pub to: Option<Address>,
    /// `msg.value`, wei. The sender must own it.
    pub value: U256,
    /// Calldata or init code.
    pub data: Bytes,
    /// Gas limit; the block gas limit when `None`.
    pub gas: Option<u64>,
    /// Price bid, wei per gas; 0 asks for no fee at all.
    pub gas_price: u128,
    /// EIP-2930 access list.
    pub access_list: AccessList,
    /// Run on the state after this block, inside its own environment. `None`: on the newest state
    /// as the next block would.
    pub block: Option<u64>,
    /// What the call pretends.
    pub overrides: Overrides,
}

/// A world a call pretends to be in.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Block timestamp, unix seconds.
    pub time: Option<u64>,
    /// Block number.
    pub number: Option<u64>,
    /// Base fee, wei per gas.
    pub base_fee: Option<u64>,
    /// Accounts whose storage is emptied first.
    pub cleared: Vec<Address>,
    /// Changes to accounts.
    pub accounts: Vec<Cheat>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// Return or revert data.
    pub outcome: CallOutcome,
    /// Why it stopped when it neither returned nor reverted, such as running out of gas. The
    /// outcome is then a revert without data.
    pub halt: Option<String>,
    /// Gas used, refunds deducted.
    pub gas_used: u64,
    /// Gas that refunds gave back; it must be there while the call runs.
    pub gas_refunded: u64,
}

impl CallResult {
    /// Whether it returned.
    pub const fn is_success(&self) -> bool {
        matches!(self.outcome, CallOutcome::Success(_))
    }
}

/// A call bound to a state and a block.
struct Trial {
    template: Template,
    state: State,
    hashes: BlockHashes,
    tx: TxEnv,
}

impl Chain {
    pub(crate) fn call(&self, call: &Call) -> Result<CallResult, DevChainError> {
        self.trial(call)?.run(call.gas)
    }

    /// The smallest gas limit, within 1.5 %, that lets the call pass; 0 when it fails anyway.
    pub(crate) fn estimate(&self, call: &Call) -> Result<(Simulation, CallResult), DevChainError> {
        let trial = self.trial(call)?;
        let first = trial.run(call.gas)?;
        let gas = if first.is_success() { trial.enough_gas(call.gas, &first)? } else { 0 };
        Ok((Simulation { outcome: first.outcome.clone(), gas }, first))
    }

    fn trial(&self, call: &Call) -> Result<Trial, DevChainError> {
        let (mut template, mut state) = match call.block {
            None => (self.next_template(self.pending_time()), self.tip.state.clone()),
            Some(number) => self.environment_of(number)?,
        };
        let overrides = &call.overrides;
        template.time = overrides.time.unwrap_or(template.time);
        let parent = template.number.saturating_sub(1);
        template.number = overrides.number.unwrap_or(template.number);
        template.base_fee = overrides.base_fee.unwrap_or(template.base_fee);
        for address in &overrides.cleared {
            state.clear_storage(address);
        }
        for cheat in &overrides.accounts {
            state.apply_cheat(cheat);
        }
        let tx = TxEnv {
            caller: call.from,
            kind: call.to.map_or(TxKind::Create, TxKind::Call),
            value: call.value,
            data: call.data.clone(),
            gas_price: call.gas_price,
            access_list: call.access_list.clone(),
            tx_type: u8::from(!call.access_list.0.is_empty()),
            chain_id: Some(template.chain_id),
            ..TxEnv::default()
        };
        Ok(Trial { template, state, hashes: self.blocks.hashes(parent)?, tx })
    }

    fn environment_of(&self, number: u64) -> Result<(Template, State), DevChainError> {
        let missing = || DevChainError::NoState { number, history: self.config.history };
        let block = self.blocks.at(number)?.ok_or_else(missing)?;
        let newest = number == self.blocks.head_number();
        let state = if newest { Some(&self.tip.state) } else { self.blocks.state_at(number) };
        let template = Template::of(self.config.chain_id.0, &block.header);
        Ok((template, state.cloned().ok_or_else(missing)?))
    }
}

impl Trial {
    fn run(&self, gas: Option<u64>) -> Result<CallResult, DevChainError> {
        let limit = gas.unwrap_or(self.template.gas_limit).min(self.template.gas_limit);
        let mut cfg = self.template.cfg_env();
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.disable_base_fee = self.tx.gas_price == 0;
        let env = EvmEnv::new(cfg, self.template.block_env());
        let state = Execution::new(self.state.clone(), self.hashes.clone());
        let tx = TxEnv { gas_limit: limit, ..self.tx.clone() };
        let result = EthEvmFactory::default().create_evm(state, env).transact(tx);
        result.map(|done| describe(done.result)).map_err(refused)
    }

    fn enough_gas(&self, cap: Option<u64>, first: &CallResult) -> Result<u64, DevChainError> {
        let passes = |limit| match self.run(Some(limit)) {
            Ok(result) => Ok(result.is_success()),
            // Below the intrinsic cost the transaction is not even valid.
            Err(DevChainError::InvalidCall { insufficient_funds: false, .. }) => Ok(false),
            Err(error) => Err(error),
        };
        let mut high = cap.unwrap_or(self.template.gas_limit).min(self.template.gas_limit);
        let mut low = first.gas_used.saturating_sub(1);
        let spent = first.gas_used + first.gas_refunded;
        // A caller keeps back 1/64 of its gas (EIP-150).
        let guess = (spent + CALL_STIPEND).saturating_mul(64) / 63;
        if passes(spent)? {
            return Ok(spent);
        }
        if guess < high {
            if passes(guess)? {
                high = guess;
            } else {
                low = guess;
            }
        }
        while high.saturating_sub(low) > 1 && (high - low) * 200 > high * 3 {
            let middle = low + (high - low) / 2;
            if passes(middle)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(high)
    }
}

fn describe(result: ExecutionResult) -> CallResult {
    let gas = result.gas();
    let (gas_used, gas_refunded) = (gas.tx_gas_used(), gas.final_refunded());
    let (outcome, halt) = match result {
        ExecutionResult::Success { output, .. } => (CallOutcome::Success(output.into_data()), None),
        ExecutionResult::Revert { output, .. } => (CallOutcome::Reverted(output), None),
        ExecutionResult::Halt { reason, .. } => {
            (CallOutcome::Reverted(Bytes::new()), Some(format!("{reason:?}")))
        }
    };
    CallResult { outcome, halt, gas_used, gas_refunded }
}

fn refused(error: EVMError<std::convert::Infallible>) -> DevChainError {
    let insufficient_funds =
        matches!(error, EVMError::Transaction(InvalidTransaction::LackOfFundForMaxFee { .. }));
    DevChainError::InvalidCall { reason: error.to_string(), insufficient_funds }
}
