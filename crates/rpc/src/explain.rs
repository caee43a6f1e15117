//! The numbers of a decision as the wire shows them.

use crate::{RpcError, convert, snapshot::Snapshot};
use alloy::primitives::U256;
use bmn_primitives::OrderId;
use bmn_rpc_api::{
    Amount, BothChains, OrderExplanation, WireCap, WireGasStep, WireOutcomes, WireQuote, WireSlack,
    WireTime, WireTokenFlag, WireValuation, WireValued,
};
use bmn_swap::{Assessment, Cap, GasStep, Outcomes, Price, TimeSlack, Valuation, Valued};

/// Why an order was taken or refused.
pub(crate) fn order(snapshot: &Snapshot, id: OrderId) -> Result<OrderExplanation, RpcError> {
    let order = snapshot.order(id)?.ok_or(RpcError::NotFound)?;
    let told = snapshot.assessment(id)?.ok_or(RpcError::NotFound)?;
    let (decision, refusals) = convert::decision_in_full(&order.decision);
    Ok(OrderExplanation {
        order_id: id.to_string(),
        decision,
        refusals,
        decided_at: convert::block(told.at),
        valuation: told.valuation.as_ref().map(valuation),
        min_profit_bps: told.min_profit_bps,
        caps: told.caps.iter().map(cap).collect(),
        open_orders: told.open_orders.0,
        max_open_orders: told.open_orders.1,
        time: told.time.as_ref().map(time),
        confirmations: BothChains {
            source: told.confirmations.0,
            destination: told.confirmations.1,
        },
        token_flags: flags(&told),
    })
}

fn amount(value: u128) -> Amount {
    Amount(U256::from(value))
}

fn flags(told: &Assessment) -> Vec<WireTokenFlag> {
    let flags = told.flags.iter().map(|(chain, token, flag)| WireTokenFlag {
        chain_id: chain.0,
        token: *token,
        flag: flag.name().to_owned(),
    });
    flags.collect()
}

fn valuation(valuation: &Valuation) -> WireValuation {
    WireValuation {
        source: valued(&valuation.source, valuation.source.price.low),
        destination: valued(&valuation.destination, valuation.destination.price.high),
        source_deposit: valued(&valuation.source_coin, valuation.source_coin.price.high),
        destination_deposit: valued(
            &valuation.destination_coin,
            valuation.destination_coin.price.high,
        ),
        steps: valuation.steps.iter().map(step).collect(),
        outcomes: outcomes(&valuation.outcomes),
    }
}

fn valued(valued: &Valued, price: Price) -> WireValued {
    let quotes = valued.price.quotes.iter().map(|aged| WireQuote {
        source: aged.quote.source.clone(),
        price: amount(aged.quote.micros.into()),
        at: aged.quote.at,
        age: aged.age,
    });
    WireValued {
        chain_id: valued.chain.0,
        token: valued.token,
        amount: Amount(valued.amount),
        decimals: valued.decimals,
        price: amount(price.0.into()),
        quotes: quotes.collect(),
        value: amount(valued.value),
    }
}

fn step(step: &GasStep) -> WireGasStep {
    WireGasStep {
        step: step.step.to_string(),
        chain_id: step.chain.0,
        gas: step.gas,
        gas_price: amount(step.gas_price),
        bytes: step.bytes,
        data_fee: Amount(step.data_fee),
        cost: amount(step.cost),
    }
}

fn outcomes(outcomes: &Outcomes) -> WireOutcomes {
    WireOutcomes {
        best: outcomes.best.into(),
        expected: outcomes.expected.into(),
        worst: outcomes.worst.into(),
        failed: outcomes.failed.into(),
        rescued: outcomes.rescued.into(),
        worst_bps: outcomes.worst_bps,
        worst_in_source: bmn_rpc_api::SignedAmount(outcomes.worst_in_source),
    }
}

fn cap(cap: &Cap) -> WireCap {
    WireCap {
        cap: cap.kind.to_string(),
        used: amount(cap.used),
        adding: amount(cap.adding),
        limit: cap.limit.map(amount),
    }
}

fn time(time: &TimeSlack) -> WireTime {
    match time {
        TimeSlack::Fits(steps) => WireTime {
            steps: steps
                .iter()
                .map(|slack| WireSlack {
                    step: slack.step.to_string(),
                    latest: slack.latest,
                    seconds: slack.seconds,
                })
                .collect(),
            short_step: None,
            short_seconds: None,
            malformed: None,
        },
        TimeSlack::Short(short) => WireTime {
            steps: vec![],
            short_step: Some(short.step.to_string()),
            short_seconds: Some(short.seconds),
            malformed: None,
        },
        TimeSlack::Malformed(fault) => WireTime {
            steps: vec![],
            short_step: None,
            short_seconds: None,
            malformed: Some(fault.clone()),
        },
    }
}
