//! Asking a node for what only its operator may call.

use crate::{failure::Failure, node::NodeArgs};
use clap::Args;
use jsonrpsee::core::ClientError;
use jsonrpsee_http_client::{HeaderMap, HeaderValue, HttpClient, transport};
use jsonrpsee_ws_client::WsClient;
use std::path::{Path, PathBuf};

/// Which node to ask, and with which key.
#[derive(Debug, Clone, Args)]
pub(crate) struct OperatorArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,

    /// File with the key of the node's admin_rpc, which --rpc has to name then; `bmn dev` wants none.
    #[arg(long, value_name = "FILE", env = "BMN_JWT_SECRET")]
    jwt_secret: Option<PathBuf>,
}

const METHOD_NOT_FOUND: i32 = -32601;
const UNAUTHORIZED: u16 = 401;

impl OperatorArgs {
    /// A client for one request: its token is made now and holds for a minute.
    pub(crate) fn http(&self) -> Result<HttpClient, Failure> {
        let headers = self.jwt_secret.as_deref().map(authorization).transpose()?;
        self.node.http_with(headers.unwrap_or_default())
    }

    /// A client for subscriptions, with a token of the moment at which it connects.
    pub(crate) async fn ws(&self) -> Result<WsClient, Failure> {
        let headers = self.jwt_secret.as_deref().map(authorization).transpose()?;
        self.node.ws_with(headers.unwrap_or_default()).await
    }

    /// What a failed request means.
    pub(crate) fn failed(&self, error: ClientError) -> Failure {
        let url = self.node.shown();
        match &error {
            ClientError::Call(call) if call.code() == METHOD_NOT_FOUND => Failure::Usage(format!(
                "what answers at {url} does not serve the operator's methods: the node serves them at its \
                 admin_rpc (in its configuration, or bmn node --admin-rpc-addr), which --rpc has to name, with \
                 --jwt-secret"
            )),
            ClientError::Transport(reason) if is_unauthorized(reason.as_ref()) => {
                Failure::Usage(match &self.jwt_secret {
                    None => format!(
                        "{url} wants a token: --jwt-secret (or BMN_JWT_SECRET) names the file with the node's \
                         key, jwt.hex in its data directory unless it was told otherwise"
                    ),
                    Some(file) => format!(
                        "{url} takes no token made with the key in {}: is it the node's jwt_secret, and are both \
                         clocks right?",
                        file.display()
                    ),
                })
            }
            _ => self.node.failed(error),
        }
    }
}

fn authorization(file: &Path) -> Result<HeaderMap, Failure> {
    let token = bmn_launch::access::jwt_key(file)?.token();
    let token = token.map_err(|error| Failure::Run(eyre::Report::new(error)))?;
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|error| Failure::Run(eyre::Report::new(error)))?;
    value.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", value);
    Ok(headers)
}

fn is_unauthorized(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(transport::Error::Rejected { status_code: UNAUTHORIZED }))
}
