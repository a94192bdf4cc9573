-- KEYS: any. Gives what the server that owns our slot says about its memory, or nothing when it must not tell.
local memory = redis.pcall('INFO', 'memory')
return { type(memory) == 'string' and memory or '' }
