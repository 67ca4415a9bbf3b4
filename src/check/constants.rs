//! What is known before the run: literals, and parameters' values on the command line.

use super::program::Expr;
use super::{Type, Value};

/// The value of an expression that is the same in every run; `None` where it is not.
pub(super) fn constant(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::Const(value) => Some(value.clone()),
        Expr::Text(parts) => {
            let texts: Option<Vec<String>> = parts.iter().map(|part| constant(part)?.text()).collect();
            texts.map(|texts| Value::Str(texts.concat()))
        }
        Expr::List(items) => items.iter().map(constant).collect::<Option<Vec<_>>>().map(Value::List),
        Expr::Convert(inner, ty) => constant(inner)?.into_type(ty).ok(),
        _ => None,
    }
}

/// A parameter's value as it stands on a command line: `--set min_free=5GiB`.
pub(super) fn argument(text: &str, ty: &Type) -> Result<Value, String> {
    match ty {
        Type::List(of) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(|item| argument(item, of)).collect::<Result<_, _>>().map(Value::List)
        }
        Type::Secret => {
            Err("a secret is not given on a command line, which others can read; use `env(\"NAME\")`".to_string())
        }
        _ => Value::Str(text.to_string()).into_type(ty),
    }
}
