//! Shape rules: what an op's outputs are, given its inputs, or which rule they break.

use super::{Element, Heads, Op, Type};

type Rule<T = ()> = Result<T, String>;

/// Types of the op's new outputs. `gradients` are the values that it adds to.
pub(super) fn outputs(op: &Op, inputs: &[&Type], gradients: &[&Type]) -> Rule<Vec<Type>> {
    let (needed, grown) = arity(op);
    expect(inputs.len() == needed, || format!("{} inputs given, {needed} needed", inputs.len()))?;
    expect(gradients.len() == grown, || format!("{} gradients given, {grown} needed", gradients.len()))?;
    for (at, ty) in inputs.iter().chain(gradients).enumerate() {
        expect(ty.count() > 0, || format!("input {at} is empty: {ty}"))?;
        expect(ty.count() < 1 << 31, || format!("input {at} has 2³¹ entries or more: {ty}"))?;
    }
    let same = |ty: &Type| vec![ty.clone()];
    match *op {
        Op::Embedding { positions, cursor } => {
            let (tokens, table) = (inputs[0], inputs[1]);
            integers("tokens", tokens)?;
            expect(tokens.shape.len() == 2, || format!("tokens must be u32[B, T], not {tokens}"))?;
            rank("table", table, 2)?;
            if positions {
                rank("positions", inputs[2], 2)?;
                columns("positions", inputs[2], table.columns())?;
                expect(inputs[2].rows() >= tokens.columns(), || {
                    format!("{} positions for a window of {}", inputs[2].rows(), tokens.columns())
                })?;
            }
            if cursor {
                is_cursor(inputs[needed - 1])?;
            }
            Ok(vec![Type::f32(&[tokens.shape[0], tokens.shape[1], table.columns()])])
        }
        Op::Norm { bias, .. } => {
            let x = inputs[0];
            let names = ["scale", "shift"];
            for (name, weight) in names.iter().zip(&inputs[1..2 + usize::from(bias)]) {
                vector(name, weight, x.columns())?;
            }
            Ok(vec![x.clone(), Type::f32(&[x.rows(), 2])])
        }
        Op::Linear { bias, residual } => {
            let (x, weight) = (inputs[0], inputs[1]);
            rank("weight", weight, 2)?;
            columns("input", x, weight.columns())?;
            let mut shape = x.shape.clone();
            if let Some(last) = shape.last_mut() {
                *last = weight.shape[0];
            }
            let y = Type::f32(&shape);
            if bias {
                vector("bias", inputs[2], weight.shape[0])?;
            }
            if residual {
                alike("residual", inputs[needed - 1], &y)?;
            }
            Ok(vec![y])
        }
        Op::LinearActivation { bias, kind } => {
            let z = outputs(&Op::Linear { bias, residual: false }, inputs, &[])?.remove(0);
            let y = outputs(&kind.op(), &[&z], &[])?.remove(0);
            Ok(vec![y, z])
        }
        Op::LinearRope { bias, heads } => {
            let (table, linear) = (inputs[needed - 1], &inputs[..needed - 1]);
            let z = outputs(&Op::Linear { bias, residual: false }, linear, &[])?.remove(0);
            outputs(&Op::Rope { heads, inverse: false, cursor: false }, &[&z, table], &[])
        }
        Op::HeadNorm { heads, .. } => {
            packed(inputs[0], heads)?;
            vector("query scale", inputs[1], heads.head_size)?;
            vector("key scale", inputs[2], heads.head_size)?;
            let roots = Type::f32(&[inputs[0].rows(), heads.heads + heads.kv_heads]);
            Ok(vec![inputs[0].clone(), roots])
        }
        Op::Rope { heads, cursor, .. } => {
            batched(inputs[0], heads.packed())?;
            rank("table", inputs[1], 2)?;
            columns("table", inputs[1], heads.head_size)?;
            expect(heads.head_size.is_multiple_of(2), || format!("head size {} is odd", heads.head_size))?;
            expect(inputs[1].rows() >= inputs[0].shape[1], || {
                format!("table of {} positions for a window of {}", inputs[1].rows(), inputs[0].shape[1])
            })?;
            if cursor {
                is_cursor(inputs[2])?;
            }
            Ok(same(inputs[0]))
        }
        Op::Attention { heads, .. } => {
            let qkv = inputs[0];
            batched(qkv, heads.packed())?;
            let (batch, time) = (qkv.shape[0], qkv.shape[1]);
            Ok(vec![Type::f32(&[batch, time, heads.width()]), Type::f32(&[batch, heads.heads, time])])
        }
        Op::CachedAttention { heads } => {
            let qkv = inputs[0];
            batched(qkv, heads.packed())?;
            expect(qkv.shape[0] == 1, || format!("one text is decoded at a time, not {}", qkv.shape[0]))?;
            for (name, cache) in [("keys", inputs[1]), ("values", inputs[2])] {
                let fits = cache.shape.len() == 3
                    && cache.shape[0] == heads.kv_heads
                    && cache.shape[2] == heads.head_size;
                expect(fits, || {
                    format!(
                        "{name} cache must be f32[{}, P, {}], not {cache}",
                        heads.kv_heads, heads.head_size
                    )
                })?;
            }
            alike("values cache", inputs[2], inputs[1])?;
            is_cursor(inputs[3])?;
            Ok(vec![Type::f32(&[1, qkv.shape[1], heads.width()])])
        }
        Op::LastRow => {
            batched(inputs[0], inputs[0].columns())?;
            is_cursor(inputs[1])?;
            Ok(vec![Type::f32(&[1, 1, inputs[0].columns()])])
        }
        Op::Activation(_) => Ok(same(inputs[0])),
        Op::Gate(_) => {
            let mut shape = inputs[0].shape.clone();
            expect(inputs[0].columns().is_multiple_of(2), || format!("odd columns: {}", inputs[0]))?;
            if let Some(last) = shape.last_mut() {
                *last /= 2;
            }
            Ok(vec![Type::f32(&shape)])
        }
        Op::Dropout { residual, site } => {
            expect((0.0..1.0).contains(&site.rate), || format!("rate {} is not in [0, 1)", site.rate))?;
            if residual {
                alike("residual", inputs[1], inputs[0])?;
            }
            Ok(same(inputs[0]))
        }
        Op::Add => {
            alike("second term", inputs[1], inputs[0])?;
            Ok(same(inputs[0]))
        }
        Op::CrossEntropy { .. } => {
            targets_fit(inputs[1], inputs[0])?;
            Ok(vec![Type::f32(&[2]), Type::f32(&[inputs[0].rows(), 2])])
        }
        Op::CrossEntropyBackward { .. } => {
            targets_fit(inputs[1], inputs[0])?;
            alike("rows", inputs[2], &Type::f32(&[inputs[0].rows(), 2]))?;
            alike("loss", inputs[3], &Type::f32(&[2]))?;
            Ok(same(inputs[0]))
        }
        Op::LinearCrossEntropy { chunk, .. } => {
            let (rows, logits) = chunk_of_logits(inputs[0], inputs[1], inputs[2], chunk)?;
            Ok(vec![Type::f32(&[2]), Type::f32(&[rows, 2]), logits])
        }
        Op::LinearCrossEntropyBackward { chunk, weight, .. } => {
            let (rows, logits) = chunk_of_logits(inputs[0], inputs[1], inputs[2], chunk)?;
            alike("rows", inputs[3], &Type::f32(&[rows, 2]))?;
            alike("loss", inputs[4], &Type::f32(&[2]))?;
            if weight {
                alike("gradient", gradients[0], inputs[1])?;
            }
            Ok(vec![inputs[0].clone(), logits.clone(), logits])
        }
        Op::LinearInputBackward { residual } => {
            rank("weight", inputs[1], 2)?;
            columns("output gradient", inputs[0], inputs[1].shape[0])?;
            let mut shape = inputs[0].shape.clone();
            if let Some(last) = shape.last_mut() {
                *last = inputs[1].columns();
            }
            let dx = Type::f32(&shape);
            if residual {
                alike("residual", inputs[2], &dx)?;
            }
            Ok(vec![dx])
        }
        Op::LinearInputActivationBackward(kind) => {
            let dh = outputs(&Op::LinearInputBackward { residual: false }, &inputs[..2], &[])?.remove(0);
            outputs(&kind.backward(), &[inputs[2], &dh], &[])
        }
        Op::LinearWeightBackward => {
            expect(inputs[0].rows() == inputs[1].rows(), || {
                format!("rows differ: {} and {}", inputs[0], inputs[1])
            })?;
            alike("gradient", gradients[0], &Type::f32(&[inputs[0].columns(), inputs[1].columns()]))?;
            Ok(vec![])
        }
        Op::SumRows { groups } => {
            let count = inputs[0].count();
            expect(groups > 0 && count.is_multiple_of(groups), || {
                format!("{} does not fall into {groups} rows", inputs[0])
            })?;
            expect(count / groups <= gradients[0].count(), || {
                format!("a row of {} is longer than the gradient {}", count / groups, gradients[0])
            })?;
            Ok(vec![])
        }
        Op::NormBackward { residual, .. } => {
            let x = inputs[0];
            vector("scale", inputs[1], x.columns())?;
            alike("statistics", inputs[2], &Type::f32(&[x.rows(), 2]))?;
            alike("output gradient", inputs[3], x)?;
            if residual {
                alike("residual", inputs[4], x)?;
            }
            Ok(same(x))
        }
        Op::NormWeightBackward { .. } => {
            let x = inputs[0];
            alike("statistics", inputs[1], &Type::f32(&[x.rows(), 2]))?;
            alike("output gradient", inputs[2], x)?;
            for gradient in gradients {
                vector("gradient", gradient, x.columns())?;
            }
            Ok(vec![])
        }
        Op::HeadNormBackward { heads } => {
            packed(inputs[0], heads)?;
            vector("query scale", inputs[1], heads.head_size)?;
            vector("key scale", inputs[2], heads.head_size)?;
            alike("roots", inputs[3], &Type::f32(&[inputs[0].rows(), heads.heads + heads.kv_heads]))?;
            alike("output gradient", inputs[4], inputs[0])?;
            Ok(same(inputs[0]))
        }
        Op::HeadNormWeightBackward { heads } => {
            packed(inputs[0], heads)?;
            alike("roots", inputs[1], &Type::f32(&[inputs[0].rows(), heads.heads + heads.kv_heads]))?;
            alike("output gradient", inputs[2], inputs[0])?;
            for gradient in gradients {
                vector("gradient", gradient, heads.head_size)?;
            }
            Ok(vec![])
        }
        Op::AttentionDelta { heads } => {
            batched(inputs[0], heads.width())?;
            alike("output gradient", inputs[1], inputs[0])?;
            Ok(vec![Type::f32(&[inputs[0].shape[0], heads.heads, inputs[0].shape[1]])])
        }
        Op::AttentionBackward { heads, .. } => {
            let qkv = inputs[0];
            batched(qkv, heads.packed())?;
            let rows = Type::f32(&[qkv.shape[0], heads.heads, qkv.shape[1]]);
            alike("lse", inputs[1], &rows)?;
            alike("delta", inputs[2], &rows)?;
            alike("output gradient", inputs[3], &Type::f32(&[qkv.shape[0], qkv.shape[1], heads.width()]))?;
            Ok(same(qkv))
        }
        Op::ActivationBackward(_) => {
            alike("output gradient", inputs[1], inputs[0])?;
            Ok(same(inputs[0]))
        }
        Op::GateBackward(_) => {
            expect(inputs[1].columns() * 2 == inputs[0].columns(), || {
                format!("{} is not half of {}", inputs[1], inputs[0])
            })?;
            expect(inputs[1].rows() == inputs[0].rows(), || {
                format!("rows differ: {} and {}", inputs[0], inputs[1])
            })?;
            Ok(same(inputs[0]))
        }
        Op::EmbeddingBackward => {
            integers("tokens", inputs[1])?;
            alike("order", inputs[2], &Type::u32(&[2, inputs[1].count()]))?;
            expect(inputs[0].rows() == inputs[1].count(), || {
                format!("{} rows of gradient for {} tokens", inputs[0].rows(), inputs[1].count())
            })?;
            rank("gradient", gradients[0], 2)?;
            columns("gradient", gradients[0], inputs[0].columns())?;
            Ok(vec![])
        }
    }
}

/// How many inputs and how many gradients an op takes.
fn arity(op: &Op) -> (usize, usize) {
    match *op {
        Op::Embedding { positions, cursor } => (2 + usize::from(positions) + usize::from(cursor), 0),
        Op::Norm { bias, .. } => (2 + usize::from(bias), 0),
        Op::Linear { bias, residual } => (2 + usize::from(bias) + usize::from(residual), 0),
        Op::LinearActivation { bias, .. } => (2 + usize::from(bias), 0),
        Op::LinearRope { bias, .. } => (3 + usize::from(bias), 0),
        Op::HeadNorm { .. } | Op::LinearInputActivationBackward(_) => (3, 0),
        Op::Rope { cursor, .. } => (2 + usize::from(cursor), 0),
        Op::Attention { .. } | Op::Activation(_) | Op::Gate(_) => (1, 0),
        Op::CachedAttention { .. } | Op::CrossEntropyBackward { .. } | Op::AttentionBackward { .. } => (4, 0),
        Op::Dropout { residual, .. } => (1 + usize::from(residual), 0),
        Op::LastRow
        | Op::Add
        | Op::CrossEntropy { .. }
        | Op::AttentionDelta { .. }
        | Op::ActivationBackward(_)
        | Op::GateBackward(_) => (2, 0),
        Op::LinearCrossEntropy { .. } => (3, 0),
        Op::LinearCrossEntropyBackward { weight, .. } => (5, usize::from(weight)),
        Op::LinearInputBackward { residual } => (2 + usize::from(residual), 0),
        Op::LinearWeightBackward => (2, 1),
        Op::SumRows { .. } => (1, 1),
        Op::NormBackward { residual, .. } => (4 + usize::from(residual), 0),
        Op::NormWeightBackward { bias } => (3, 1 + usize::from(bias)),
        Op::HeadNormBackward { .. } => (5, 0),
        Op::HeadNormWeightBackward { .. } => (3, 2),
        Op::EmbeddingBackward => (3, 1),
    }
}

fn expect(holds: bool, reason: impl FnOnce() -> String) -> Rule {
    if holds { Ok(()) } else { Err(reason()) }
}

fn rank(name: &str, ty: &Type, rank: usize) -> Rule {
    expect(ty.shape.len() == rank, || format!("{name} must have {rank} dimensions, not {ty}"))
}

fn columns(name: &str, ty: &Type, columns: usize) -> Rule {
    expect(ty.columns() == columns, || format!("{name} must have {columns} columns, not {ty}"))
}

fn vector(name: &str, ty: &Type, size: usize) -> Rule {
    alike(name, ty, &Type::f32(&[size]))
}

fn alike(name: &str, ty: &Type, wanted: &Type) -> Rule {
    expect(ty == wanted, || format!("{name} must be {wanted}, not {ty}"))
}

fn integers(name: &str, ty: &Type) -> Rule {
    expect(ty.element == Element::U32, || format!("{name} must be integers, not {ty}"))
}

fn is_cursor(ty: &Type) -> Rule {
    alike("cursor", ty, &Type::u32(&[2]))
}

fn packed(ty: &Type, heads: Heads) -> Rule {
    let whole = heads.kv_heads > 0 && heads.heads.is_multiple_of(heads.kv_heads);
    expect(whole, || format!("{} heads do not divide among {} kv-heads", heads.heads, heads.kv_heads))?;
    columns("packed rows", ty, heads.packed())
}

fn batched(ty: &Type, width: usize) -> Rule {
    rank("input", ty, 3)?;
    columns("input", ty, width)
}

/// N, and the type of a chunk of x·wᵀ.
fn chunk_of_logits(x: &Type, weight: &Type, targets: &Type, chunk: usize) -> Rule<(usize, Type)> {
    rank("weight", weight, 2)?;
    columns("input", x, weight.columns())?;
    targets_fit(targets, x)?;
    let rows = x.rows();
    expect(chunk == rows || (chunk < rows && chunk > 0 && chunk.is_multiple_of(64)), || {
        format!("chunks of {chunk} rows: they must be multiples of 64, or all {rows}")
    })?;
    Ok((rows, Type::f32(&[chunk, weight.rows()])))
}

fn targets_fit(targets: &Type, logits: &Type) -> Rule {
    integers("targets", targets)?;
    expect(targets.count() == logits.rows(), || {
        format!("{} targets for {} rows of logits", targets.count(), logits.rows())
    })
}
