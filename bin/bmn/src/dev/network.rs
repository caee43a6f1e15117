//! Plain `bmn dev`: two chains and a resolver until Ctrl-C.

use super::{args::DevArgs, beside::Jobs, trouble};
use crate::{
    failure::Failure,
    output::{Output, fields, table},
    resolver::operations::recorder,
    signals,
};
use bmn_node::Resolver;
use bmn_operations::{Limits, Parts};
use bmn_sim::{Beside, Endpoints, ServiceOptions, accounts::DevAccount, serve_beside};
use serde_json::{Value, json};

/// Where the other commands look for a resolver.
const DEFAULT_RESOLVER: &str = "http://127.0.0.1:8547";

/// Runs the network until it is told to stop.
pub(super) async fn run(args: &DevArgs, output: Output) -> Result<(), Failure> {
    let options = ServiceOptions { data_dir: args.data_dir.clone(), addresses: args.addresses() };
    let address = args.operations();
    let beside = async |resolver: &Resolver| {
        // One user on his own machine: what changes the resolver is on its port, without a key.
        let parts = Parts {
            rpc: resolver.handlers(),
            operator: None,
            hosts: Vec::new(),
            recorder: recorder(),
            limits: Limits::default(),
        };
        let port = bmn_operations::open(address, parts).await?;
        let jobs = Jobs::begin(resolver, output);
        Ok(Some(Beside { address: port.address(), open: Box::new((jobs, port)) }))
    };
    let mut written = Ok(());
    let ready = |endpoints: &Endpoints| {
        written = output.result(&for_programs(endpoints), || for_people(endpoints));
        output.note("Running. Ctrl-C stops it.");
    };
    let served = serve_beside(options, beside, ready, signals::stop()).await;
    served.map_err(|error| trouble::failure(error, args))?;
    output.note("Stopped.");
    written
}

fn for_programs(endpoints: &Endpoints) -> Value {
    let chains: Vec<Value> = endpoints
        .chains
        .iter()
        .map(|chain| {
            json!({
                "name": chain.name, "id": chain.id, "url": chain.url,
                "blockTime": chain.block_time,
            })
        })
        .collect();
    let contracts: serde_json::Map<String, Value> = endpoints
        .contracts
        .iter()
        .map(|(name, address)| ((*name).to_owned(), json!(address)))
        .collect();
    let accounts: Vec<Value> = DevAccount::ALL
        .iter()
        .map(|account| {
            json!({
                "name": account.name(), "address": account.address(),
                "developmentOnlyKey": account.key(),
            })
        })
        .collect();
    json!({
        "chains": chains, "resolver": endpoints.resolver, "operations": endpoints.operations,
        "contracts": contracts, "accounts": accounts,
    })
}

fn for_people(endpoints: &Endpoints) -> String {
    let mut urls: Vec<(&str, String)> = endpoints
        .chains
        .iter()
        .map(|chain| {
            let what =
                format!("{}  (id {}, a block every {} s)", chain.url, chain.id, chain.block_time);
            (chain.name.as_str(), what)
        })
        .collect();
    urls.push(("Resolver", format!("{}  (bmn_*)", endpoints.resolver)));
    urls.extend(
        endpoints
            .operations
            .iter()
            .map(|url| ("Operations", format!("{url}  (/health, /metrics)"))),
    );
    let contracts: Vec<(&str, String)> =
        endpoints.contracts.iter().map(|(name, address)| (*name, address.to_string())).collect();
    let accounts: Vec<[String; 4]> = (0..)
        .zip(DevAccount::ALL)
        .map(|(number, account): (u8, DevAccount)| {
            [
                number.to_string(),
                account.name().to_owned(),
                account.address().to_string(),
                account.key().to_string(),
            ]
        })
        .collect();
    let headings = ["#", "account", "address", "PUBLIC development key, never for real funds"];
    [
        fields(&urls),
        format!("Contracts, the same on both chains\n{}", fields(&contracts)),
        table(headings, &accounts),
        format!("Try next, from another terminal\n{}", try_next(endpoints)),
    ]
    .join("\n\n")
}

/// Three things to do; the last two are a swap by hand.
fn try_next(endpoints: &Endpoints) -> String {
    // The other commands find the resolver by themselves when it listens where they look.
    let rpc = if endpoints.resolver == DEFAULT_RESOLVER {
        String::new()
    } else {
        format!(" --rpc {}", endpoints.resolver)
    };
    let chain = endpoints.chains.first().map_or("", |chain| chain.url.as_str());
    let maker = DevAccount::Maker.address();
    [
        format!("  bmn status{rpc}"),
        format!(
            "  bmn order new --from-chain 1337 --to-chain 1338 --sell 1000 TKA --buy 1950 USDX \\\n    \
             --maker {maker} --chain-rpc {chain} --dst-withdrawal-in 60 \\\n    \
             --secret-file secret.txt -o order.json && \\\n    \
             bmn order sign order.json --dev-account 3 && bmn order submit order.json{rpc}"
        ),
        format!(
            "  bmn secret submit --secret-file secret.txt{rpc}   \
             # once `bmn swap list{rpc}` says bothLocked"
        ),
    ]
    .join("\n")
}
