//! What the traits say of themselves.

use super::{Access, DocumentError, text};
use syn::{
    Attribute, FnArg, GenericArgument, Item, ItemTrait, LitStr, Pat, PathArguments, ReturnType,
    Token, TraitItem, TraitItemFn, meta::ParseNestedMeta,
};

/// The files that hold the traits.
const FILES: [(&str, &str); 5] = [
    ("api.rs", include_str!("../api.rs")),
    ("summary_api.rs", include_str!("../summary_api.rs")),
    ("index_api.rs", include_str!("../index_api.rs")),
    ("operator_api.rs", include_str!("../operator_api.rs")),
    ("queue_api.rs", include_str!("../queue_api.rs")),
];

/// Who may call the methods of a trait.
const TRAITS: [(&str, Access); 6] = [
    ("BmnApi", Access::Public),
    ("SummaryApi", Access::Public),
    ("IndexApi", Access::Public),
    ("OperatorApi", Access::Operator),
    ("AdminApi", Access::Admin),
    ("QueueAdminApi", Access::Admin),
];

/// A type as the traits write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    Optional(Box<Type>),
    List(Box<Type>),
    Named(String),
}

pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) form: Type,
}

/// What a method answers with.
pub(super) enum Answer {
    Result(Type),
    Subscription { notification: String, unsubscribe: String, item: Type },
}

pub(super) struct Method {
    pub(super) name: String,
    pub(super) access: Access,
    pub(super) docs: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) answer: Answer,
}

/// Every method of every trait, in the order of the files.
pub(super) fn methods() -> Result<Vec<Method>, DocumentError> {
    let mut methods = Vec::new();
    for (file, source) in FILES {
        let failed = |source| DocumentError::Source { file, source };
        for item in syn::parse_file(source).map_err(failed)?.items {
            let Item::Trait(item) = item else { continue };
            let name = item.ident.to_string();
            let known = TRAITS.into_iter().find(|(known, _)| *known == name);
            let (_, access) = known.ok_or(DocumentError::UnknownTrait(name))?;
            methods.extend(of_trait(&item, access).map_err(failed)?);
        }
    }
    Ok(methods)
}

fn of_trait(item: &ItemTrait, access: Access) -> syn::Result<Vec<Method>> {
    let functions = item.items.iter().filter_map(|item| match item {
        TraitItem::Fn(function) => Some(function),
        _ => None,
    });
    functions.map(|function| method(function, access)).collect()
}

fn method(function: &TraitItemFn, access: Access) -> syn::Result<Method> {
    let mut found = Named::default();
    for attribute in &function.attrs {
        if attribute.path().is_ident("method") || attribute.path().is_ident("subscription") {
            found.read(attribute)?;
        }
    }
    let missing = |what| syn::Error::new_spanned(&function.sig, what);
    let name = found.name.ok_or_else(|| missing("neither a method nor a subscription"))?;
    let answer = match (found.notification, found.unsubscribe, found.item) {
        (Some(notification), Some(unsubscribe), Some(item)) => Answer::Subscription {
            notification: in_namespace(&notification),
            unsubscribe: in_namespace(&unsubscribe),
            item,
        },
        (None, None, None) => Answer::Result(result(&function.sig.output)?),
        _ => return Err(missing("a subscription needs `=>`, `unsubscribe` and `item`")),
    };
    let arguments = function.sig.inputs.iter().filter_map(|argument| match argument {
        FnArg::Typed(argument) => Some(argument),
        FnArg::Receiver(_) => None,
    });
    let parameters = arguments.map(|argument| match &*argument.pat {
        Pat::Ident(name) => {
            Ok(Parameter { name: text::camel(&name.ident.to_string()), form: form(&argument.ty)? })
        }
        other => Err(syn::Error::new_spanned(other, "a parameter needs a name")),
    });
    Ok(Method {
        name: in_namespace(&name),
        access,
        docs: text::docs(&function.attrs),
        parameters: parameters.collect::<syn::Result<_>>()?,
        answer,
    })
}

fn in_namespace(name: &str) -> String {
    format!("bmn_{name}")
}

/// The arguments of `#[method(…)]` or `#[subscription(…)]`.
#[derive(Default)]
struct Named {
    name: Option<String>,
    notification: Option<String>,
    unsubscribe: Option<String>,
    item: Option<Type>,
}

impl Named {
    fn read(&mut self, attribute: &Attribute) -> syn::Result<()> {
        attribute.parse_nested_meta(|meta| self.argument(&meta))
    }

    fn argument(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let value = meta.value()?;
        if meta.path.is_ident("name") {
            self.name = Some(value.parse::<LitStr>()?.value());
            if value.peek(Token![=>]) {
                value.parse::<Token![=>]>()?;
                self.notification = Some(value.parse::<LitStr>()?.value());
            }
        } else if meta.path.is_ident("unsubscribe") {
            self.unsubscribe = Some(value.parse::<LitStr>()?.value());
        } else if meta.path.is_ident("item") {
            self.item = Some(form(&value.parse()?)?);
        } else {
            return Err(meta.error("the document knows no such argument"));
        }
        Ok(())
    }
}

/// The type in `RpcResult<…>`.
fn result(output: &ReturnType) -> syn::Result<Type> {
    let ReturnType::Type(_, output) = output else {
        return Err(syn::Error::new_spanned(output, "expected RpcResult"));
    };
    match generic(output)? {
        (name, Some(inner)) if name == "RpcResult" => form(inner),
        _ => Err(syn::Error::new_spanned(output, "expected RpcResult")),
    }
}

fn form(written: &syn::Type) -> syn::Result<Type> {
    Ok(match generic(written)? {
        (name, Some(inner)) if name == "Option" => Type::Optional(Box::new(form(inner)?)),
        (name, Some(inner)) if name == "Vec" => Type::List(Box::new(form(inner)?)),
        (_, Some(_)) => return Err(syn::Error::new_spanned(written, "expected Option or Vec")),
        (name, None) => Type::Named(name),
    })
}

/// The last name of a path, and its one argument.
fn generic(written: &syn::Type) -> syn::Result<(String, Option<&syn::Type>)> {
    let unnamed = || syn::Error::new_spanned(written, "expected the name of a type");
    let syn::Type::Path(path) = written else { return Err(unnamed()) };
    let last = path.path.segments.last().ok_or_else(unnamed)?;
    let argument = match &last.arguments {
        PathArguments::None => None,
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(argument)) if arguments.args.len() == 1 => Some(argument),
            _ => return Err(unnamed()),
        },
        PathArguments::Parenthesized(_) => return Err(unnamed()),
    };
    Ok((last.ident.to_string(), argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(function: &str) -> Result<Method, String> {
        let function = syn::parse_str(function).unwrap();
        method(&function, Access::Public).map_err(|error| error.to_string())
    }

    #[test]
    fn a_method_is_read_with_its_parameters_in_their_order() {
        let method = read(
            "/// Reads it.\n#[method(name = \"getIt\")]\n\
             async fn get_it(&self, the_id: u64, more: Option<crate::Limit>) -> RpcResult<Vec<It>>;",
        )
        .unwrap();
        assert_eq!((method.name.as_str(), method.docs.as_str()), ("bmn_getIt", "Reads it."));
        let names: Vec<_> = method.parameters.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["theId", "more"]);
        let limit = Type::Optional(Box::new(Type::Named("Limit".to_owned())));
        assert_eq!(method.parameters[1].form, limit);
        let list = Type::List(Box::new(Type::Named("It".to_owned())));
        assert!(matches!(method.answer, Answer::Result(result) if result == list));
    }

    #[test]
    fn what_the_document_could_not_tell_is_an_error() {
        for function in [
            "async fn get(&self) -> RpcResult<u64>;",
            "#[method(name = \"get\")] async fn get(&self);",
            "#[method(name = \"get\", aliases = [\"x\"])] async fn get(&self) -> RpcResult<u64>;",
            "#[method(name = \"get\")] async fn get(&self, id: [u8; 4]) -> RpcResult<u64>;",
            "#[method(name = \"get\")] async fn get(&self, id: Result<u8, u8>) -> RpcResult<u64>;",
            "#[subscription(name = \"a\", unsubscribe = \"b\", item = C)] async fn a(&self) -> R;",
        ] {
            assert!(read(function).is_err(), "{function}");
        }
    }
}
