//! The namespace's own description: what `rpc.discover` answers, and what parameters are held against.
//!
//! The server library reads parameters itself. It skips what is too much and does not name what is missing, nor a
//! value of another type. Both are done here, for every method and by one document, so that an error always names
//! the parameter and its accepted form. The text sent is never repeated: it might be a secret.

mod form;
mod signature;

use bmn_rpc_api::RpcErrorCode;
use jsonrpsee::{
    MethodResponse, Methods, RpcModule,
    core::server::{AsyncMethod, MethodCallback, SubscriptionMethod},
    types::{ErrorObjectOwned, Id, Params},
};
use serde_json::{Value, value::RawValue};
use signature::Signature;
use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Arc, LazyLock},
};

/// The OpenRPC document. The tests of `bmn-rpc-api` compare it with the traits.
const TEXT: &str = include_str!("../../../../docs/openrpc.json");

/// The method that answers it (OpenRPC, "Service Discovery Method").
const DISCOVER: &str = "rpc.discover";

struct Description {
    document: Value,
    signatures: BTreeMap<String, Arc<Signature>>,
}

static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    let document: Value =
        serde_json::from_str(TEXT).expect("a test compares the document with what serde writes");
    let methods = document["methods"].as_array().into_iter().flatten();
    let signature = |method: &Value| {
        let name = method["name"].as_str()?.to_owned();
        Some((name, Arc::new(Signature::of(method, &document))))
    };
    let signatures = methods.filter_map(signature).collect();
    Description { document, signatures }
});

/// The document's version.
pub(crate) fn version() -> String {
    DESCRIPTION.document["info"]["version"].as_str().unwrap_or_default().to_owned()
}

/// Adds `rpc.discover`.
pub(crate) fn discoverable(mut module: RpcModule<()>) -> RpcModule<()> {
    let answer =
        |_: Params<'_>, _: &(), _: &_| Ok::<_, ErrorObjectOwned>(DESCRIPTION.document.clone());
    module.register_method(DISCOVER, answer).expect("no method of ours has this name");
    module
}

/// The same methods, each held against its description: wrong parameters are refused (-32602) and the error names
/// them. A method that the document does not describe stays as it is. The modules of this crate are so already.
pub fn described(module: RpcModule<()>) -> RpcModule<()> {
    let methods = Methods::from(module);
    let mut described = Methods::new();
    for name in methods.method_names() {
        let Some(callback) = methods.method(name) else { continue };
        let callback = match DESCRIPTION.signatures.get(name) {
            Some(signature) => held_against(signature, callback),
            None => callback.clone(),
        };
        described.verify_and_insert(name, callback).expect("a method is there once");
    }
    let mut module = RpcModule::new(());
    module.merge(described).expect("the module is empty");
    module
}

fn held_against(signature: &Arc<Signature>, callback: &MethodCallback) -> MethodCallback {
    match callback {
        MethodCallback::Async(inner) => MethodCallback::Async(call(signature, inner)),
        MethodCallback::Subscription(inner) => {
            MethodCallback::Subscription(subscription(signature, inner))
        }
        MethodCallback::Unsubscription(inner) => {
            let (signature, inner) = (Arc::clone(signature), Arc::clone(inner));
            // The library takes anything for the id of a subscription that is not there.
            let checked = move |params: &Params<'_>| {
                let fault = signature.fault(params, &DESCRIPTION.document);
                signature.count(params).and_then(|()| fault.map_or(Ok(()), Err))
            };
            MethodCallback::Unsubscription(Arc::new(
                move |id, params, connection, most, extensions| match checked(&params) {
                    Err(error) => refused(id, error).with_extensions(extensions),
                    Ok(()) => inner(id, params, connection, most, extensions),
                },
            ))
        }
        MethodCallback::Sync(_) => callback.clone(),
    }
}

fn call(signature: &Arc<Signature>, inner: &AsyncMethod<'static>) -> AsyncMethod<'static> {
    let (signature, inner) = (Arc::clone(signature), Arc::clone(inner));
    Arc::new(move |id, params, connection, most, extensions| {
        if let Err(error) = signature.count(&params) {
            return Box::pin(ready(refused(id, error).with_extensions(extensions)));
        }
        let signature = Arc::clone(&signature);
        let answer = inner(id.clone(), params.clone(), connection, most, extensions);
        Box::pin(async move { named(answer.await, id, &signature, &params) })
    })
}

fn subscription(
    signature: &Arc<Signature>,
    inner: &SubscriptionMethod<'static>,
) -> SubscriptionMethod<'static> {
    let (signature, inner) = (Arc::clone(signature), Arc::clone(inner));
    Arc::new(move |id, params, sink, state, extensions| {
        // NB: here before the call. An answer to a subscription is on its way when it can be looked at.
        match signature.count(&params).and_then(|()| signature.hold(&params, &DESCRIPTION.document))
        {
            Err(error) => {
                let error = RpcErrorCode::InvalidParams.with_data(error);
                let answer = MethodResponse::subscription_error(id, error);
                Box::pin(async move {
                    // As the library does: what is returned is for measuring alone. A client that is gone misses
                    // nothing.
                    let _ = sink.send(answer.to_json()).await;
                    answer.with_extensions(extensions)
                })
            }
            Ok(()) => inner(id, params, sink, state, extensions),
        }
    })
}

fn refused(id: Id<'_>, data: String) -> MethodResponse {
    MethodResponse::error(id, RpcErrorCode::InvalidParams.with_data(data))
}

/// The answer; an error about parameters that does not say about which one is made to.
fn named(
    answer: MethodResponse,
    id: Id<'_>,
    signature: &Signature,
    params: &Params<'_>,
) -> MethodResponse {
    if answer.as_error_code() != Some(RpcErrorCode::InvalidParams.code()) || names(answer.as_json())
    {
        return answer;
    }
    match signature.fault(params, &DESCRIPTION.document) {
        Some(data) => {
            let (_, _, extensions) = answer.into_parts();
            refused(id, data).with_extensions(extensions)
        }
        None => answer,
    }
}

/// Whether an error's `data` begins with a name between backticks, as ours do.
fn names(answer: &RawValue) -> bool {
    let answer: Value = serde_json::from_str(answer.get()).unwrap_or_default();
    answer["error"]["data"].as_str().is_some_and(|data| data.starts_with('`'))
}
