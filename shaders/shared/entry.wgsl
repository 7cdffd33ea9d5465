// What an elementwise kernel handles at a time: a float, or four where the count divides by four.

@if(vec4) alias Entry = vec4<f32>;
@else alias Entry = f32;

// Floats in an entry.
@if(vec4) const WIDTH: u32 = 4u;
@else const WIDTH: u32 = 1u;

// Sum over an entry's floats.
fn total(entry: Entry) -> f32 {
    @if(vec4) return entry.x + entry.y + entry.z + entry.w;
    @else return entry;
}
