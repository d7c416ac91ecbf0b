//! What stands in the brackets of an attribute, read key by key.

mod allow;
mod entries;
mod keys;
mod policy;
mod suggest;
mod values;

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{LitStr, Path, Token};

use crate::ast::Kind;
use crate::diagnostics::Diagnostics;
use crate::paths::Paths;

pub(crate) use allow::{Allowance, allow};
pub(crate) use policy::{Retry, time};

use entries::Entry;

/// What stands in the brackets of an attribute.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) tag: Option<LitStr>,
    pub(crate) session: Option<LitStr>,
    /// Where `transaction` stands, if it does.
    pub(crate) transaction: Option<Ident>,
    pub(crate) retry: Option<Retry>,
    /// Milliseconds.
    pub(crate) timeout: Option<u64>,
    pub(crate) paths: Paths,
    /// Codes that the whole function is excused from.
    pub(crate) allowed: Vec<Allowance>,
}

/// Reads the brackets of the attribute for `kind`, or of `#[event]`. Everything wrong is reported, not only the first.
pub(crate) fn parse(tokens: TokenStream, kind: Option<Kind>, diagnostics: &Diagnostics) -> Args {
    let mut args = Args::default();
    let valid = keys::of(kind);
    let read = |input: ParseStream| -> syn::Result<()> {
        entries::each(
            input,
            &valid,
            diagnostics,
            |entry, input| one(entry, input, &mut args, diagnostics),
            |key| keys::elsewhere(key, kind),
        )
    };
    if let Err(error) = read.parse2(tokens) {
        diagnostics.error(error);
    }
    args
}

/// Reads what follows one key.
fn one(
    Entry { key, name }: Entry<'_>,
    input: ParseStream,
    args: &mut Args,
    diagnostics: &Diagnostics,
) -> syn::Result<()> {
    let text = |check| values::text(input, key, check, diagnostics);
    match name {
        "name" => args.name = text(values::check_name)?,
        "version" => args.version = text(values::check_version)?,
        "tag" => args.tag = text(values::check_tag)?,
        "session" => args.session = text(values::check_session)?,
        "transaction" => args.transaction = Some(key.clone()),
        "retry" => args.retry = Some(policy::retry(input, key, diagnostics)?),
        "timeout" => args.timeout = policy::timeout(input, key, diagnostics)?,
        "crate" => {
            let wrong = |span| syn::Error::new(span, "DX1008: write `crate = path::to::duroxide`, without quotes");
            input.parse::<Token![=]>().map_err(|_| wrong(key.span()))?;
            let span = if input.is_empty() { key.span() } else { input.span() };
            args.paths = Paths::renamed(input.call(Path::parse_mod_style).map_err(|_| wrong(span))?);
        }
        "allow" => {
            let content = values::parenthesized(input, key, "allow(DX0001, reason = \"why a replay cannot differ\")")?;
            args.allowed.extend(allow(content, diagnostics));
        }
        other => unreachable!("`{other}` is listed as a key but not read"),
    }
    Ok(())
}

/// A word in key position, keywords included.
fn word(input: ParseStream) -> syn::Result<Ident> {
    input.call(Ident::parse_any)
}
