-- KEYS: the revocations. ARGV: now, most entries, epoch and number of the cursor (or two empty texts), random bits for a
-- new epoch. Gives epoch, number, whether it begins at the beginning, whether there is more, then the entries.
local now, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local drawn = redis.call('GET', ROOT .. 'epoch')
if not drawn then
  drawn = ARGV[5]
  redis.call('SET', ROOT .. 'epoch', drawn)
end
-- A server that was started again, or that took over from another, may have lost the end of the sequence: its numbers are
-- not those that others have seen. Where INFO is forbidden, only a lost epoch is noticed.
local server = redis.pcall('INFO', 'server')
local run = type(server) == 'string' and string.match(server, 'run_id:(%x+)') or ''
local epoch = string.sub(redis.sha1hex(drawn .. run), 1, 16)
local last = tonumber(redis.call('GET', SEQUENCE) or '0')

local after = ARGV[3] == epoch and tonumber(ARGV[4]) <= last and tonumber(ARGV[4])
local cursor, has_more, entries = last, '0', {}
local from = after or 0
repeat
  local page = redis.call('XRANGE', REVOCATIONS, string.format('%.0f-0', from + 1), '+', 'COUNT', limit + 1)
  for _, entry in ipairs(page) do
    local number = string.match(entry[1], '^%d+')
    local target, expires_at = entry[2][4], entry[2][6]
    if now < tonumber(expires_at) then
      if #entries == 3 * limit then
        has_more = '1'
        cursor = tonumber(entries[#entries - 2])
        break
      end
      entries[#entries + 1] = number
      entries[#entries + 1] = target
      entries[#entries + 1] = expires_at
    end
    from = tonumber(number)
  end
until has_more == '1' or #page <= limit

local parts = { epoch, string.format('%.0f', cursor), after and '0' or '1', has_more }
for _, part in ipairs(entries) do parts[#parts + 1] = part end
return parts
