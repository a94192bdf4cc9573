-- KEYS: the record. ARGV: now, the browser session in which it is granted, the remembered consent that it rests on (or an empty text), then
-- expiry, user, client, fields and their values. Of a session or a consent that has ended meanwhile nothing comes.
if not is_signed_in(ARGV[2], ARGV[5], ARGV[1]) then return answer('ended') end
if ARGV[3] ~= '' and not is_live(ARGV[3], ARGV[1]) then return answer('ended') end
put(KEYS[1], unpack(ARGV, 4))
return answer('done')
