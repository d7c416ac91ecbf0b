//! A form that starts an orchestration, made from the types of its arguments.

use maud::{Markup, html};
use serde::Deserialize;

use super::words::nothing;
use super::workers::{known, short};
use super::{NoView, View};
use crate::client::Client;
use crate::model::insight::{HandlerInfo, HandlerSort};

/// What the address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(in crate::dashboard) struct Asked {
    name: String,
    version: String,
}

/// What is typed into a field; scripts build JSON of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Text,
    Whole,
    Number,
    Flag,
    Json,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Field::Text => "text",
            Field::Whole => "whole",
            Field::Number => "number",
            Field::Flag => "flag",
            Field::Json => "json",
        }
    }
}

/// How an argument of a Rust type is typed in, and whether it may be left out.
fn field_of(of: &str) -> (Field, bool) {
    let name = short(of);
    if let Some(inner) = name.strip_prefix("Option<").and_then(|rest| rest.strip_suffix('>')) {
        return (field_of(inner).0, true);
    }
    let field = match name.as_str() {
        "String" | "&str" | "char" => Field::Text,
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => {
            Field::Whole
        }
        "f32" | "f64" => Field::Number,
        "bool" => Field::Flag,
        _ => Field::Json,
    };
    (field, false)
}

pub(super) async fn view(client: &Client, asked: &Asked, may_act: bool) -> Result<View, NoView> {
    let workers = client.list_workers().await?;
    let known = known(&workers, HandlerSort::Orchestration);
    let wanted = |handler: &&&HandlerInfo| {
        handler.name == asked.name && (asked.version.is_empty() || handler.version == asked.version)
    };
    let Some(handler) = known.keys().rfind(wanted) else {
        return Err(NoView::NotFound(format!("orchestration `{}` on a live worker", asked.name)));
    };
    let body = if may_act { form(handler) } else { nothing("This dashboard is read-only: it starts nothing.") };
    Ok(View::new(format!("Start {} {}", handler.name, handler.version)).still("form", body))
}

fn form(handler: &HandlerInfo) -> Markup {
    let arguments = handler.source.as_ref().map(|source| source.arguments.as_slice());
    html! {
        form.card.sheet method="post" action="start-instance" data-act data-input {
            input type="hidden" name="name" value=(handler.name);
            input type="hidden" name="version" value=(handler.version);
            label { span { "Instance id" }
                input name="id" autocomplete="off" placeholder="drawn at random when empty";
            }
            @match arguments {
                Some([]) => { p.quiet { "It takes no arguments." } }
                Some(arguments) => { @for (name, of) in arguments { (argument(name, of)) } }
                None => {
                    label { span { "Input" } textarea name="input" rows="6" spellcheck="false" {} }
                }
            }
            p.error role="alert" {}
            button.main { "Start" }
            noscript { p.alarm { "Starting needs scripts: the token travels in a header." } }
        }
    }
}

fn argument(name: &str, of: &str) -> Markup {
    let (field, is_optional) = field_of(of);
    let of = short(of);
    html! {
        label {
            span { (name) " " code { (of) } }
            @match field {
                Field::Text => { input type="text" data-argument=(name) data-field=(field.name()) data-optional[is_optional] autocomplete="off"; }
                Field::Whole | Field::Number => {
                    input type="text" inputmode="decimal" data-argument=(name) data-field=(field.name())
                        data-optional[is_optional] required[!is_optional] autocomplete="off";
                }
                Field::Flag => { input type="checkbox" data-argument=(name) data-field=(field.name()); }
                Field::Json => {
                    textarea rows="5" data-argument=(name) data-field=(field.name()) data-optional[is_optional]
                        required[!is_optional] placeholder={ "JSON of " (of) } spellcheck="false" {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_choose_their_fields() {
        let table = [
            ("alloc::string::String", (Field::Text, false)),
            ("u64", (Field::Whole, false)),
            ("f64", (Field::Number, false)),
            ("bool", (Field::Flag, false)),
            ("core::option::Option<i32>", (Field::Whole, true)),
            ("core::option::Option<shop::Order>", (Field::Json, true)),
            ("shop::Order", (Field::Json, false)),
            ("alloc::vec::Vec<u8>", (Field::Json, false)),
        ];
        for (of, field) in table {
            assert_eq!(field_of(of), field, "{of}");
        }
    }
}
