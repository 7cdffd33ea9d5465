// Tokens of a row, each marked once, in workgroup memory: a bit for each of CHUNK tokens, so that a vocabulary is gone through in
// chunks. Between clearing, marking and looking stands a barrier each.

const CHUNK: u32 = 16384u;

var<workgroup> marks: array<atomic<u32>, 512>;

// By `size` invocations, of which this is number `local`.
fn clear_marks(local: u32, size: u32) {
    for (var word = local; word < CHUNK / 32u; word += size) {
        atomicStore(&marks[word], 0u);
    }
}

// `number` is counted from the chunk's beginning; what lies beyond it is left out.
fn mark(number: u32) {
    if number < CHUNK {
        atomicOr(&marks[number / 32u], 1u << (number % 32u));
    }
}

fn is_marked(number: u32) -> bool {
    return ((atomicLoad(&marks[number / 32u]) >> (number % 32u)) & 1u) == 1u;
}
