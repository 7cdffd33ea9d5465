// What an operand that may be stored in half precision is in its buffer; arithmetic is on entries of 32-bit floats.

import package::shared::entry::Entry;

@if(half) alias Stored = vec4<f16>;
@else alias Stored = Entry;
