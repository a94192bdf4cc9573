-- KEYS: the user code. ARGV: now, when it expires, when the device is forgotten, the device's digest, its client, what it asks
-- for. The client is no name that an index knows: nothing was granted yet that a cut would have to end.
if is_live(KEYS[1], ARGV[1]) then return answer('taken') end
local device = ROOT .. 'device:' .. ARGV[4]
redis.call('DEL', KEYS[1], device)
redis.call('HSET', KEYS[1], 'expires_at', ARGV[2], 'record', ARGV[6], 'device', device)
keep(KEYS[1], ARGV[2], '', '')
redis.call('HSET', device, 'expires_at', ARGV[3], 'answer_by', ARGV[2], 'asker', ARGV[5],
  'interval', string.format('%.0f', FIRST_INTERVAL))
keep(device, ARGV[3], '', '')
return answer('done')
