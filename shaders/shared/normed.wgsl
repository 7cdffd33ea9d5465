// Groups of channels that are normed together in a packed row: heads, or all queries and all keys. Values pass in groups of the keys' size.

// The first entry of a group: of queries, then of keys, then of values.
fn first_entry(row: u32, group: u32, queries: u32, query_size: u32, keys: u32, key_size: u32) -> u32 {
    let key_start = queries * query_size;
    let column = select(key_start + (group - queries) * key_size, group * query_size, group < queries);
    return row * (key_start + 2u * keys * key_size) + column;
}
